"""A server, or what is in front of it, that answers anything at all: an outage, never the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import pytest

from scheduler.core.change import changed
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.core.ports.queue import Queue
from tests.contract.queue.test_failover import opened
from tests.fuzz.queue_harms import LIES
from tests.support.eventually import eventually
from tests.support.queues import one_of, patiently
from tests.support.servers.proxy import in_front_of
from tests.support.servers.redis import RedisServer
from tests.support.stores import waiting

TOLD_AT_ONCE: Final = [lie for lie in LIES if not lie.startswith(b"$99")]
"""All but half an answer: that is waited for."""
CALLS: Final[Mapping[str, Callable[[Queue], Awaitable[object]]]] = {
    "join": lambda queue: queue.join("store-1"),
    "enqueue": lambda queue: queue.enqueue(waiting("1")),
    "enqueue ahead": lambda queue: queue.enqueue(waiting("1"), ahead=True),
    "dequeue": lambda queue: one_of(queue, wait_s=0.01),
    "acknowledge": lambda queue: queue.acknowledge(["1"]),
    "give back": lambda queue: queue.give_back("1"),
    "recover": lambda queue: queue.recover(["a"]),
    "missing": lambda queue: queue.missing(waiting("1")),
    "forgetful": lambda queue: queue.forgetful(),
    "remind": lambda queue: queue.remind(waiting("1")),
    "remember": lambda queue: queue.remember(),
    "announce": lambda queue: queue.announce_abort("1", node_id="b"),
    "announce a revocation": lambda queue: queue.announce_revocation("1"),
    "look": lambda queue: queue.abort_announced("1"),
    "changes": lambda queue: queue.changes("0-1", limit=9),
    "latest": lambda queue: queue.latest_change(),
}


async def test_whatever_a_server_answers_is_an_outage_at_most(
    own_redis: RedisServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call fails as in an outage, or takes the answer for true; nothing else ends."""
    monkeypatch.setattr("scheduler.queue.server.RECONNECT_S", 0.01)
    with in_front_of(own_redis.port) as proxy:
        async with opened(proxy.port, namespace, "a") as queue:
            for number, lie in enumerate(TOLD_AT_ONCE):
                proxy.lie(lie)
                await _tried(one_of(queue, wait_s=0.1))  # so long that it asks for a token, too
                proxy.lie(4 * lie)  # a transaction waits for as many answers
                async with asyncio.TaskGroup() as group:
                    for name, call in CALLS.items():
                        queue.announce([changed("1")])
                        group.create_task(_tried(call(queue)), name=f"{name} for {lie!r}")
                proxy.lie(None)
                await patiently(partial(queue.enqueue, waiting(f"true-{number}")))
                await eventually(lambda: _one(queue))


async def _tried(call: Awaitable[object]) -> None:
    with suppress(QueueUnavailable, StartError):
        await call


async def _one(queue: Queue) -> bool:
    with suppress(QueueUnavailable):
        return await one_of(queue, wait_s=1) is not None
    return False
