"""The application behind the real server with its limits, called with bytes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp import web

from scheduler.api.limits.load import Load
from scheduler.api.limits.server import Server, limited
from scheduler.api.state import LOAD
from tests.fakes import MemoryStore
from tests.unit.api.conftest import Parts, build

WITHIN_S = 30.0
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Reply:
    """An answer, taken apart."""

    version: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> str:
        """The kind of the problem that it is."""
        assert self.headers["content-type"].startswith("application/problem+json")
        return str(orjson.loads(self.body)["type"]).rpartition(":")[2]

    @property
    def detail(self) -> str:
        return str(orjson.loads(self.body)["detail"])


@dataclass
class Peer:
    """One connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> Reply:
        """Read one answer."""
        async with asyncio.timeout(WITHIN_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")[:-2]
            headers = {
                name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
            }
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        version, status = first.split(" ")[:2]
        return Reply(version, int(status), headers, body)

    async def ask(self, data: bytes) -> Reply:
        self.send(data)
        return await self.reply()

    async def closed(self) -> bytes:
        """Wait until the server has closed the connection; what came until then."""
        async with asyncio.timeout(WITHIN_S):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class Served:
    """The server, and what it serves."""

    app: web.Application
    store: MemoryStore
    server: Server
    port: int
    peers: list[Peer] = field(default_factory=list)

    @property
    def load(self) -> Load:
        return self.app[LOAD]

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, limit=64 * 1024))
        self.peers.append(peer)
        return peer

    async def ask(self, data: bytes) -> Reply:
        """Ask on a connection of its own."""
        return await (await self.connect()).ask(data)


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    fields = {"Host": "localhost", **(headers or {})}
    if body is not None:
        fields = {**JSON, "Content-Length": str(len(body)), **fields}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b"")


def submission(data: object = None) -> bytes:
    body = orjson.dumps({"uid": "u1", "task": "task1", "data": data})
    return request("POST", "/", body=body)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """At most 40 connections for all requests, and 20 more for aborts."""
    async with serving(build()) as served:
        yield served


@asynccontextmanager
async def serving(parts: Parts) -> AsyncIterator[Served]:
    """The same for an application of one's own."""
    async with limited(parts.app, answer_s=1.0, most=40) as runner:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert isinstance(runner.server, Server)
        served = Served(parts.app, parts.store, runner.server, runner.addresses[0][1])
        yield served
        for peer in served.peers:
            peer.close()


async def longest_stand_s(during: Iterable[asyncio.Task[object]]) -> float:
    """The most time of the processor that the event loop takes between two turns, until all end."""
    longest, before = 0.0, time.thread_time()
    tasks = list(during)
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return longest
