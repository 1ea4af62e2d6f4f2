"""Empty servers for queues: the fake, an embedded one, one over TCP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import redis.asyncio as aioredis

from scheduler.core.places import labels
from scheduler.core.ports.queue import Queue
from scheduler.queue import open_queue
from tests.fakes import MemoryQueue, MemoryServer
from tests.model.effort import Fresh
from tests.model.machines.queue_machine import Place
from tests.support.queues import CHANCE, embedded_url
from tests.support.servers.redis import RedisServer

KINDS: Final = ("memory", "embedded", "tcp")


def opening(
    kind: str, server: RedisServer, folder: Path
) -> AbstractAsyncContextManager[Fresh[Place]]:
    """A source of empty places of one kind, while the block runs."""
    if kind == "memory":
        return fresh_memory()
    return fresh_server(server if kind == "tcp" else None, folder)


class MemoryPlace:
    """The fake server."""

    def __init__(self) -> None:
        self._server = MemoryServer()

    async def open(self, node_id: str, place: labels.Place = labels.PLAIN) -> Queue:
        return MemoryQueue(self._server, node_id=node_id, place=place)

    async def close(self, node_id: str) -> None:
        self._server.lines.leave(node_id)

    async def flush(self) -> None:
        self._server.flush()

    async def leftovers(self) -> set[str]:
        return {*self._server.ids, *filter(self._server.inflight, self._server.lines.inflight)}


class ServerPlace:
    """A namespace on a real server."""

    def __init__(self, url: str, look: aioredis.Redis, folder: Path) -> None:
        self._url, self._look, self._folder = url, look, folder
        self._namespace = uuid4().hex
        self._nodes: dict[str, AsyncExitStack] = {}

    async def open(self, node_id: str, place: labels.Place = labels.PLAIN) -> Queue:
        self._nodes[node_id] = stack = AsyncExitStack()
        return await stack.enter_async_context(
            open_queue(
                self._url,
                namespace=self._namespace,
                node_id=node_id,
                data_dir=self._folder,
                random=CHANCE,
                place=place,
            )
        )

    async def close(self, node_id: str) -> None:
        await self._nodes.pop(node_id).aclose()

    async def flush(self) -> None:
        await self._look.flushall()

    async def leftovers(self) -> set[str]:
        for node_id in list(self._nodes):
            await self.close(node_id)
        mine = f"{{{self._namespace}}}:"
        keys = {str(key) async for key in self._look.scan_iter(f"{mine}*")}
        return {key.removeprefix(mine) for key in keys} - {"complete", "store", "turns"}


@asynccontextmanager
async def fresh_memory() -> AsyncIterator[Fresh[Place]]:
    async def fresh() -> Place:
        return MemoryPlace()

    yield fresh


@asynccontextmanager
async def fresh_server(server: RedisServer | None, folder: Path) -> AsyncIterator[Fresh[Place]]:
    """Namespaces on a server over TCP, or on an embedded server that a queue of ours starts."""
    async with AsyncExitStack() as stack:
        if server is None:
            embedded = open_queue(
                "embedded", namespace="host", node_id="host", data_dir=folder, random=CHANCE
            )
            await stack.enter_async_context(embedded)
        url = server.url if server else embedded_url(folder)
        look = await stack.enter_async_context(
            aioredis.from_url(url, decode_responses=True, protocol=2)
        )

        async def fresh() -> Place:
            return ServerPlace(url, look, folder)

        yield fresh
