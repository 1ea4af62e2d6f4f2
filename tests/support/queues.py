"""Queues on real servers for tests, opened as nodes open them, with access to their data.

    installation              a server: embedded, over TCP, the master that sentinels name, or the
                              one that has a slot in a cluster; a test runs once for each
    queue                     that server's queue as node "a" sees it
    namespace, redis_server   see `tests.support.servers.redis`

A test module imports all of these that its tests need.
"""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio import Event
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import pytest
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ResponseError

from scheduler.core.errors import QueueUnavailable
from scheduler.core.places import labels
from scheduler.core.ports.queue import BusyMax, Queue, ShareOf, equal_shares, nothing_kept
from scheduler.queue import open_queue
from scheduler.queue.keys import id_of
from tests.support.eventually import eventually
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_groups import RedisCluster, SentinelGroup

T = TypeVar("T")

CHANCE = Random(1)  # noqa: S311 - spreads backoffs, the same way in each run

ANSWER_S = 20.0
"""A wait for what comes at once, also where the machine is busy."""
PAUSE_S = 0.1
"""A wait for what must not come."""


class Installation:
    """A server, a way to open more nodes on it, and a plain client to look at the queue's data."""

    def __init__(
        self,
        server: RedisServer | None,
        *,
        url: str,
        look_url: str,
        namespace: str,
        data_dir: Path,
        look: aioredis.Redis,
    ) -> None:
        self.url = url
        """For nodes."""
        self.look_url = look_url
        """For a plain client of the server that has the data."""
        self.look = look
        self.namespace = namespace
        self._server = server
        self._data_dir = data_dir

    def open(
        self,
        node_id: str,
        *,
        share_of: ShareOf = equal_shares,
        busy_max: BusyMax = nothing_kept,
        place: labels.Place = labels.PLAIN,
    ) -> AbstractAsyncContextManager[Queue]:
        return open_queue(
            self.url,
            namespace=self.namespace,
            node_id=node_id,
            data_dir=self._data_dir,
            random=CHANCE,
            share_of=share_of,
            busy_max=busy_max,
            place=place,
        )

    def key(self, rest: str) -> str:
        return f"{{{self.namespace}}}:{rest}"

    async def inflight(self, node_id: str) -> list[str]:
        return await self._list(f"inflight:{node_id}")

    async def queued(self) -> list[str]:
        """The ids that wait: the first ones, those of each user, those of earlier versions."""
        first, earlier = await self._list("first"), await self._list("queue")
        lines = sorted([key async for key in self.look.scan_iter(self.key("jobs:*"))])
        ids = [str(job_id) for line in lines for job_id in await self.look.zrange(line, 0, -1)]
        return first + ids + earlier

    async def _list(self, rest: str) -> list[str]:
        return [id_of(str(found)) for found in await self.look.lrange(self.key(rest), 0, -1)]

    async def keys(self) -> set[str]:
        return {str(key) async for key in self.look.scan_iter(count=1000)}

    async def blocked(self, count: int) -> None:
        """Wait until this many nodes wait for ids."""

        async def so_many() -> bool:
            return bool((await self.look.info("clients"))["blocked_clients"] == count)

        await eventually(so_many)

    async def restart(self) -> None:
        """Kill the server, and wait until another one replaces it."""
        if self._server is not None:
            self._server.restart()
            await eventually(self._takes_writes)
            return
        facts = await self.look.info("server")
        os.kill(facts["process_id"], signal.SIGKILL)

        async def another_answers() -> bool:
            return bool((await self.look.info("server"))["run_id"] != facts["run_id"])

        await eventually(another_answers)

    async def _takes_writes(self) -> bool:
        """A node of a cluster does not, for two seconds after its start."""
        try:
            return bool(await self.look.delete(self.key("nothing")) == 0)
        except ResponseError:
            return False


def embedded_url(data_dir: Path) -> str:
    """The address of the embedded server, for a second client."""
    return f"unix://{(data_dir / 'queue.server.lock').read_text()}"


class Place(NamedTuple):
    """A URL for nodes, and the server that it leads to."""

    url: str
    server: RedisServer | None = None


@pytest.fixture(name="place", params=["embedded", "tcp", "sentinel", "cluster"])
def place_fixture(request: pytest.FixtureRequest, namespace: str) -> Place:
    """One of the kinds of servers; each is started when it is first asked for."""
    match request.param:
        case "tcp":
            server: RedisServer = request.getfixturevalue("redis_server")
            return Place(server.url, server)
        case "sentinel":
            group: SentinelGroup = request.getfixturevalue("sentinel_group")
            return Place(group.url, group.master)
        case "cluster":
            cluster: RedisCluster = request.getfixturevalue("redis_cluster")
            return Place(cluster.url, cluster.master_of(namespace))
        case _:
            return Place("embedded")


@pytest.fixture
async def opened(
    place: Place, namespace: str, tmp_path: Path
) -> AsyncIterator[tuple[Installation, Queue]]:
    async with AsyncExitStack() as stack:
        if place.server is not None:
            place.server.command("FLUSHALL")
        queue = await stack.enter_async_context(
            open_queue(
                place.url, namespace=namespace, node_id="a", data_dir=tmp_path, random=CHANCE
            )
        )
        look_url = place.server.url if place.server else embedded_url(tmp_path)
        look = await stack.enter_async_context(
            aioredis.from_url(
                look_url, decode_responses=True, protocol=2, retry=Retry(ConstantBackoff(0.01), 100)
            )
        )
        installation = Installation(
            place.server,
            url=place.url if place.server else look_url,
            look_url=look_url,
            namespace=namespace,
            data_dir=tmp_path,
            look=look,
        )
        yield installation, queue


@pytest.fixture(name="installation")
def installation_fixture(opened: tuple[Installation, Queue]) -> Installation:
    return opened[0]


@pytest.fixture(name="queue")
def queue_fixture(opened: tuple[Installation, Queue]) -> Queue:
    """The queue as node "a" sees it."""
    return opened[1]


async def one_of(queue: Queue, *, wait_s: float) -> str | None:
    """Dequeue one id; None where none comes."""
    job_ids = await queue.dequeue(wait_s=wait_s)
    return job_ids[0] if job_ids else None


async def all_of(queue: Queue, *, expected: int = 1) -> list[str]:
    """Dequeue until nothing comes any more; what is expected may take long on a busy machine."""
    found: list[str] = []
    while True:
        wait_s = ANSWER_S if len(found) < expected else PAUSE_S
        job_id = await one_of(queue, wait_s=wait_s)
        if job_id is None:
            return found
        found.append(job_id)


async def heard(event: Event) -> None:
    """Wait until the event is set, and clear it."""
    async with asyncio.timeout(ANSWER_S):
        await event.wait()
    event.clear()


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call, and try again when that fails, as the callers of a queue do."""
    answer: list[T] = []

    async def answered() -> bool:
        try:
            answer.append(await call())
        except QueueUnavailable:
            return False
        return True

    await eventually(answered)
    return answer[0]


async def next_of(ids: AsyncIterator[str]) -> str:
    """The next id; `anext` as a coroutine, which a task can run."""
    return await anext(ids)


async def subscribed(installation: Installation, *channels: str) -> None:
    """Wait until each of the channels has a subscriber."""

    async def all_heard() -> bool:
        return all(count for _, count in await installation.look.pubsub_numsub(*channels))

    await eventually(all_heard)


async def channels(installation: Installation) -> set[str]:
    """All channels with a subscriber, but for those by which sentinels know each other."""
    found = {str(channel) for channel in await installation.look.pubsub_channels()}
    return {channel for channel in found if not channel.startswith("__sentinel__")}
