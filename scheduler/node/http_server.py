"""The node's HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.node.listening import listen, url_of

ANSWER_S: Final = 5.0
"""How long open requests may take to end when the server closes."""


@asynccontextmanager
async def open_http(
    app: web.Application, *, hosts: Sequence[str], port: int
) -> AsyncIterator[Sequence[str]]:
    """Serve an application during the block, and yield its URLs: one for each address.

    Raises:
        StartError: one of the hosts cannot be listened on.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        handler_cancellation=True,  # a client that has gone waits for nothing
        shutdown_timeout=ANSWER_S,
    )
    await runner.setup()
    try:
        sockets = await asyncio.to_thread(listen, hosts, port)
        for bound in sockets:
            await web.SockSite(runner, bound).start()
        yield [url_of(bound) for bound in sockets]
    finally:
        await runner.cleanup()
