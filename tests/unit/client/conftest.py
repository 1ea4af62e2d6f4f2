"""Both clients, called alike, against the API in this process or a misbehaving server."""

# ruff: noqa: ANN401 - what is given and answered is of any type

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from atlanscheduler_client import AsyncClient, Client
from tests.support.servers.stream_server import stream_server
from tests.unit.api.conftest import Api, api

__all__ = ["Api", "api"]


class Either:
    """One of the clients; the methods of `Client` run in a thread, to be awaited as well."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self._client = client

    async def do(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method."""
        call = getattr(self._client, method)
        if inspect.iscoroutinefunction(call):
            return await call(*args, **options)
        return await asyncio.to_thread(call, *args, **options)

    async def all(self, method: str, *args: Any, **options: Any) -> list[Any]:
        """All that a method iterates over."""
        call = getattr(self._client, method)
        if isinstance(self._client, AsyncClient):
            return [each async for each in call(*args, **options)]
        return await asyncio.to_thread(lambda: list(call(*args, **options)))


@pytest.fixture(params=[Client, AsyncClient])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Any]]:
    """Make a client of each kind; all are closed after the test."""
    made: list[Client | AsyncClient] = []

    async def connect_to(url: str, **options: Any) -> Either:
        client = request.param(url, **options)
        made.append(client)
        if isinstance(client, AsyncClient):
            await client.__aenter__()
        return Either(client)

    yield connect_to
    for client in made:
        if isinstance(client, AsyncClient):
            await client.__aexit__(None, None, None)
        else:
            client.close()


@pytest.fixture
async def client(connect: Callable[..., Any], api: Api) -> Either:
    """A client of the API in this process."""
    found: Either = await connect(str(api.client.make_url("/")))
    return found


@dataclass
class Server:
    """Sends prepared answers, one for each request; the last one again and again.

    An answer is the bytes on the connection, which is closed after each.
    """

    answers: list[bytes]
    url: str = ""
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        for line in head.lower().splitlines():
            if line.startswith("content-length:"):
                await reader.readexactly(int(line.partition(":")[2]))
        self.requests.append(head)
        writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def header(self, name: str) -> list[str | None]:
        """The value of this header in each request."""
        found = []
        for request in self.requests:
            lines = dict(line.split(": ", 1) for line in request.splitlines()[1:] if line)
            found.append({key.lower(): value for key, value in lines.items()}.get(name.lower()))
        return found


def reply(body: str, *, status: str = "200 OK", media: str = "application/json") -> bytes:
    """An HTTP response that does not say that the connection will be closed."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body.encode())}"
        f"\r\n\r\n{body}"
    ).encode()


@pytest.fixture
async def misbehaving() -> AsyncIterator[Callable[..., Any]]:
    """Start servers that send prepared answers."""
    async with AsyncExitStack() as stack:

        async def start(*answers: bytes) -> Server:
            server = Server(list(answers))
            port = await stack.enter_async_context(stream_server(server.serve))
            server.url = f"http://127.0.0.1:{port}"
            return server

        yield start
