"""The node's HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.api.limits.server import limited
from scheduler.basics.background import background
from scheduler.node.listening import listen, url_of
from scheduler.node.tls import HANDSHAKE_S, Certificate

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
        for bound in sockets:
            if certificate is None:
                await web.SockSite(runner, bound, backlog=BACKLOG).start()
            else:
                await _SecureSite(
                    runner, bound, backlog=BACKLOG, ssl_context=certificate.context
                ).start()
        if certificate is not None:
            await stack.enter_async_context(background(certificate=certificate.watch()))
        yield [url_of(bound, secure=certificate is not None) for bound in sockets]


class _SecureSite(web.SockSite):
    """A site whose clients have a bounded time to agree on keys; aiohttp allows a minute."""

    async def start(self) -> None:
        await web.BaseSite.start(self)
        assert self._runner.server is not None  # noqa: S101 - the runner is set up
        self._server = await asyncio.get_running_loop().create_server(
            self._runner.server,
            sock=self._sock,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_S,
        )
