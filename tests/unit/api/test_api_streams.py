"""Streams: a client that does not read is disconnected, and costs no memory until then."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pytest_aiohttp.plugin import AiohttpServer
from structlog.testing import capture_logs

from scheduler.api import streams
from scheduler.api.limits.load import Load
from scheduler.api.problems import NextHandler
from scheduler.api.state import LOAD, PRINCIPAL, STREAMS, OpenStreams
from scheduler.api.streams import BUFFER_BYTES
from scheduler.core.access.principal import EVERYBODY
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job_log import Line
from scheduler.service.service import Service
from tests.support.eventually import eventually
from tests.unit.api.conftest import Api

PART = b"x" * 65_536
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Flood:
    """Parts without end, and how many of them were taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.over = False

    async def parts(self) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                self.taken += 1
                yield PART
        finally:
            self.over = True


async def served(flood: Flood, aiohttp_server: AiohttpServer) -> TestServer:
    async def view(request: web.Request) -> web.StreamResponse:
        return await streams.stream(request, flood.parts(), content_type="text/plain")

    @web.middleware
    async def known(request: web.Request, handler: NextHandler) -> web.StreamResponse:
        request[PRINCIPAL] = EVERYBODY
        return await handler(request)

    app = web.Application(middlewares=[known])
    app[STREAMS], app[LOAD] = OpenStreams(), Load()
    app.on_shutdown.append(streams.end_streams)
    app.router.add_get("/", view)
    return await aiohttp_server(app)


async def test_a_client_that_does_not_read_is_disconnected(
    aiohttp_server: AiohttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each such client would hold memory and a connection for as long as it likes."""
    monkeypatch.setattr(streams, "SEND_S", 0.2)
    flood = Flood()
    server = await served(flood, aiohttp_server)
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.settimeout(0)
    await asyncio.get_running_loop().sock_connect(peer, (server.host, server.port))
    peer.send(REQUEST)
    await eventually(lambda: flood.over)
    assert flood.taken * len(PART) < 6 * BUFFER_BYTES, "what the buffers hold, and no more"
    peer.close()


async def test_a_client_that_reads_gets_more_as_soon_as_it_has_room(
    aiohttp_server: AiohttpServer,
) -> None:
    """Until the client disconnects; then no more parts are made for it."""
    flood = Flood()
    server = await served(flood, aiohttp_server)
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=1024)
    writer.write(REQUEST)
    received = 0
    while received < 100 * len(PART):
        received += len(await reader.read(len(PART)))
    writer.close()
    await eventually(lambda: flood.over)


@pytest.mark.parametrize("error", [RuntimeError("a defect"), StoreUnavailable("gone")])
async def test_an_answer_that_fails_in_its_middle_is_broken_off(
    api: Api, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The client would read a second response as a part of the first; a missing end it notices."""
    job_id = await api.submit()

    async def failing(*_: object, **__: object) -> AsyncGenerator[Sequence[Line], None]:
        yield []
        raise error

    monkeypatch.setattr(Service, "log", failing)
    with capture_logs() as logs:
        reader, writer = await asyncio.open_connection(api.client.host, api.client.port)
        writer.write(f"GET /u1/{job_id}/log HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(5):
            answer = await reader.read()
    writer.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert not body, "neither a problem, nor the end of an answer"
    assert [(entry["event"], entry["exc_info"]) for entry in logs] == [("answer broken off", error)]
