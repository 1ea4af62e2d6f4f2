"""The ways in which a primary of PostgreSQL is replaced by its standby."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from tests.failover.load import Pauses, pauses
from tests.support.servers.postgres_pair import PostgresPair, running_pair
from tests.support.servers.redis import RedisServer

SILENT_S: Final = 2.0
"""How long a machine is silent before its standby is promoted."""


async def killed(pair: PostgresPair) -> float:
    """SIGKILL the primary, promote the standby."""
    pair.kill_primary()
    await asyncio.to_thread(pair.standby.promote)
    return time.monotonic()


async def switched(pair: PostgresPair) -> float:
    """Stop the primary in order, promote the standby, and let the old primary follow it."""
    await asyncio.to_thread(pair.stop_primary)
    await asyncio.to_thread(pair.standby.promote)
    served_at = time.monotonic()
    await asyncio.to_thread(pair.follow)
    return served_at


async def silent(pair: PostgresPair) -> float:
    """Take the primary's machine off the network, amid all its connections; promote the standby."""
    pair.links[0].swallow()
    await asyncio.sleep(SILENT_S)
    await asyncio.to_thread(pair.standby.promote)
    return time.monotonic()


FAULTS: Final[Mapping[str, Callable[[PostgresPair], Awaitable[float]]]] = {
    "PostgreSQL: the primary is killed, its standby promoted": killed,
    "PostgreSQL: a planned switch; the old primary becomes the standby": switched,
    f"PostgreSQL: the primary is silent, its standby promoted after {SILENT_S:g} s": silent,
}


async def measured(what: str, *, folder: Path, redis_program: str) -> Pauses:
    """Run one of them under load."""
    redis = RedisServer(redis_program, folder)
    redis.start()
    try:
        with running_pair() as pair:
            settings = {"STORE__URL": pair.url, "QUEUE__URL": redis.url, "ABORT__GRACE_S": 0.3}
            return await pauses(what, lambda: FAULTS[what](pair), folder=folder, settings=settings)
    finally:
        redis.stop()
