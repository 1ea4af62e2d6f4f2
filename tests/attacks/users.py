"""What users notice of an attack: health, aborts, a running job; and the memory of the node."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node

LOOK_S = 0.02
GIVE_UP_S = 10.0
"""How long a user waits for an answer; a look that failed counts as this long."""
BIG_BYTES = 1_000_000


@dataclass
class Notes:
    """What was seen during one attack; times in milliseconds."""

    health_ms: list[float] = field(default_factory=list)
    abort_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    memory_mb: float = 0.0
    before_mb: float = 0.0
    attempt: int = 0
    status: str = "no answer"


def percentile(values: list[float], part: float) -> float:
    """The smallest value that is not below this part of them."""
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)] if values else math.inf


def memory_mb(node: Node) -> float:
    """What the node's own process has in memory."""
    status = Path(f"/proc/{node.process.pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


async def prepare(node: Node) -> Body:
    """Give one user a list of 8 MB, and start the job that is to survive; return that job."""
    for _ in range(9):
        await node.submit("echo", "x" * BIG_BYTES, uid="big")
    await _all_ended(node)
    return await _running(node, "survivor")


async def notice(node: Node, notes: Notes, *, until: asyncio.Event) -> None:
    """Use the node until the event, and note how that goes."""
    async with asyncio.TaskGroup() as group:
        for look in (_healthy, _abort, _weigh):
            group.create_task(_repeat(until, partial(look, node, notes)))


async def _repeat(until: asyncio.Event, look: Callable[[], Awaitable[None]]) -> None:
    while not until.is_set():
        await look()
        await asyncio.sleep(LOOK_S)


async def _weigh(node: Node, notes: Notes) -> None:
    notes.memory_mb = max(notes.memory_mb, memory_mb(node))


async def _healthy(node: Node, notes: Notes) -> None:
    notes.health_ms.append(await _timed(node, "GET", "/-/health", 200, notes))


async def _abort(node: Node, notes: Notes) -> None:
    """Abort a job that is not there any more: what it takes to reach the node and its store."""
    path = "/nobody/019ab000-0000-7000-8000-000000000001"
    notes.abort_ms.append(await _timed(node, "DELETE", path, 404, notes))


async def _timed(node: Node, method: str, path: str, wanted: int, notes: Notes) -> float:
    """How long a request takes on a connection of its own, in milliseconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    timeout = aiohttp.ClientTimeout(GIVE_UP_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, node.url + path) as answer,
        ):
            await answer.read()
            if answer.status != wanted:
                notes.failures.append(f"{method} {path}: {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        notes.failures.append(f"{method} {path}: {error!r}")
        return GIVE_UP_S * 1000
    return (loop.time() - began) * 1000


async def _all_ended(node: Node) -> None:
    async def ended() -> bool:
        _, open_ = await node.call("GET", "/big?status=queued,running")
        return not open_

    await eventually(ended, within_s=30)


async def _running(node: Node, uid: str) -> Body:
    begun = node.folder / uid
    job = await node.submit("wait", {"file": str(begun)}, uid=uid)
    await eventually(begun.exists)
    return job
