"""The node's HTTP server."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.api.limits.server import limited
from scheduler.core.errors import StartError

BACKLOG: Final = 1024
"""How many clients may connect at the same moment: the system has the others wait for a second."""
ANSWER_S: Final = 5.0
"""How long open requests may take to end when the server closes."""


@asynccontextmanager
async def open_http(app: web.Application, *, host: str, port: int) -> AsyncIterator[str]:
    """Serve an application during the block, and yield its URL.

    Raises:
        StartError: the address cannot be listened on.
    """
    async with limited(app, answer_s=ANSWER_S) as runner:
        try:
            await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        except OSError as error:
            raise StartError(_cannot_listen(host, port, error)) from error
        address = runner.addresses[0]
        yield f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}"


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    """The error message, with the system's text: that of the event loop repeats the address."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"[http] port: {host}:{port} is in use;"
            " choose another with SCHEDULER_HTTP__PORT (0: any that is free)"
        )
    number = error.errno or 0
    reason = (
        os.strerror(number) if number > 0 else error.strerror
    )  # negative: an error of name resolution
    return f"[http] {host}:{port} cannot be listened on: {reason}"
