"""The node's HTTP server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.api.limits.server import limited
from scheduler.node.listening import listen, url_of

BACKLOG: Final = 1024
"""How many clients may connect at the same moment: the system has the others wait for a second."""
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
    async with limited(app, answer_s=ANSWER_S) as runner:
        sockets = await asyncio.to_thread(listen, hosts, port)
        for bound in sockets:
            await web.SockSite(runner, bound, backlog=BACKLOG).start()
        yield [url_of(bound) for bound in sockets]
