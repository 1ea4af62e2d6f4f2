"""A TCP proxy in front of a server, with which a test causes network faults.

    delay_s          data is delayed
    lead_to()        new connections come to another server
    swallow()        a black hole: connections stay open, and nothing passes until `heal`
    swallow_old()    the same for the existing connections; new ones work
    half_close()     the server's side seems closed, but still receives
    lie()            clients get something else in place of each answer
    lie_old()        the same on the existing connections
    cut()            connections are reset, and new ones too until `heal`

It runs in a thread of its own, so that a test may also block while it waits for an answer.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.support.servers.stream_server import close, turns

CHUNK_BYTES = 65536


@dataclass(eq=False)
class Link:
    """A connection through the proxy."""

    client: StreamWriter
    server: StreamWriter
    open: asyncio.Event = field(default_factory=asyncio.Event)
    lie: bytes | None = None

    def reset(self) -> None:
        self.open.set()
        for writer in (self.client, self.server):
            writer.transport.abort()


class Proxy:
    """A proxy between a node and a server. Made by `in_front_of`."""

    def __init__(self, port: int) -> None:
        self.delay_s = 0.0
        self._lie: bytes | None = None
        self.port = 0
        self._behind = port
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._swallows = False
        self._cuts = False
        self._loop: asyncio.AbstractEventLoop
        self._end = asyncio.Event()

    def lead_to(self, port: int) -> None:
        """Lead new connections to another server; the existing ones stay where they are."""
        self._behind = port

    def lie(self, lie: bytes | None) -> None:
        """From now on, clients get this in place of each answer; None for the truth."""
        self._lie = lie
        self.lie_old(lie)

    def lie_old(self, lie: bytes | None) -> None:
        """The same, on the existing connections."""

        def set_lie(link: Link) -> None:
            link.lie = lie

        self._with_each(set_lie)

    def swallow(self) -> None:
        self._swallows = True
        self.swallow_old()

    def swallow_old(self) -> None:
        self._with_each(lambda link: link.open.clear())

    def half_close(self) -> None:
        self._with_each(lambda link: link.client.write_eof())

    def cut(self) -> None:
        self._cuts = True
        self._with_each(Link.reset)

    def heal(self) -> None:
        """Pass on what was held, as TCP would send it again."""
        self._swallows = self._cuts = False
        self._with_each(lambda link: link.open.set())

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)

    def _with_each(self, do: Callable[[Link], object]) -> None:
        """Run a call in the thread of the proxy, and wait until it is done."""

        async def with_each() -> None:
            for link in self._links:
                do(link)

        asyncio.run_coroutine_threadsafe(with_each(), self._loop).result()

    async def serve(self, ready: threading.Event) -> None:
        """Serve until the end."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._end.wait()
        await close(server)
        for link in list(self._links):
            link.reset()
        for task in (tasks := set(self._tasks)):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await turns()  # what was aborted is closed

    async def _link(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Serve a client until either side closes."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self._cuts:
                await self._serve_client(reader, writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve_client(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Pass data on between a client and the server until either of them closes."""
        try:
            behind, server = await asyncio.open_connection("127.0.0.1", self._behind)
        except ConnectionError:
            return
        link = Link(writer, server, lie=self._lie)
        if not self._swallows:
            link.open.set()
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(link, reader, server))
                group.create_task(self._pass(link, behind, writer))
        finally:
            link.reset()
            self._links.discard(link)

    async def _pass(self, link: Link, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):  # reset, or half closed
            while said := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self.delay_s)
                await link.open.wait()
                lie = link.lie if writer is link.client else None
                writer.write(said if lie is None else lie)
                await writer.drain()
        link.reset()


@contextmanager
def in_front_of(port: int) -> Iterator[Proxy]:
    """A proxy on a port of its own, for a server on this machine."""
    proxy, ready = Proxy(port), threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(proxy.serve(ready),), name="proxy")
    thread.start()
    try:
        assert ready.wait(5)
        yield proxy
    finally:
        proxy.end()
        thread.join()
