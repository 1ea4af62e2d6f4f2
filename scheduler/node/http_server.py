"""The node's HTTP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.api.limits.handshakes import Handshakes
from scheduler.api.limits.server import Server, limited
from scheduler.basics.background import background
from scheduler.node.listening import listen, url_of
from scheduler.node.tls import Certificate

BACKLOG: Final = 1024
"""How many clients may connect at the same moment: the system has the others wait for a second."""
ANSWER_S: Final = 5.0
"""How long open requests may take to end when the server closes."""


@asynccontextmanager
async def open_http(
    app: web.Application, *, hosts: Sequence[str], port: int, certificate: Certificate | None
) -> AsyncIterator[Sequence[str]]:
    """Serve an application during the block, and yield its URLs: one for each address.

    With a certificate, by https.

    Raises:
        StartError: one of the hosts cannot be listened on.
    """
    async with AsyncExitStack() as stack:
        runner = await stack.enter_async_context(limited(app, answer_s=ANSWER_S))
        sockets = await asyncio.to_thread(listen, hosts, port)
        if certificate is None:
            for bound in sockets:
                await web.SockSite(runner, bound, backlog=BACKLOG).start()
        else:
            await stack.enter_async_context(_secure(runner, sockets, certificate))
        yield [url_of(bound, secure=certificate is not None) for bound in sockets]


@asynccontextmanager
async def _secure(
    runner: web.BaseRunner, sockets: Sequence[socket.socket], certificate: Certificate
) -> AsyncIterator[None]:
    """Accept clients by https during the block."""
    assert isinstance(runner.server, Server)  # noqa: S101 - `limited` makes no others
    handshakes = Handshakes(runner.server, certificate.context)
    accepting = {f"accept {number}": handshakes.accept(each) for number, each in enumerate(sockets)}
    try:
        for each in sockets:
            each.listen(BACKLOG)
            each.settimeout(0)
        async with background(certificate=certificate.watch(), **accepting):
            yield
    finally:
        for each in sockets:
            each.close()
