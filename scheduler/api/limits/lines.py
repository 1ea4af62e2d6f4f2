"""Reads what may be large, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from scheduler.api.limits.budget import SMALL_BYTES
from scheduler.api.limits.load import Line
from scheduler.api.state import LOAD

TOO_MANY_READS: Final = "too many requests wait for what they read"
TOO_MANY_BYTES: Final = "too many bytes of other requests are held now"


@asynccontextmanager
async def in_line(request: web.Request, line: Line) -> AsyncIterator[None]:
    """Read what may be large, and make the answer, during the block: only some do so at a time.

    Raises:
        HTTPServiceUnavailable: the line is too long, or so much is held that the answer could
            hardly be written.
    """
    try:
        await line.enter()
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text=TOO_MANY_READS) from None
    try:
        if not request.app[LOAD].budget.has_room(SMALL_BYTES):
            raise web.HTTPServiceUnavailable(text=TOO_MANY_BYTES)
        yield
    finally:
        line.leave()
