"""Answers that go on for as long as there is something to tell.

    the client goes away             aiohttp cancels the view
    it does not take what is sent    its connection is cut, after `SEND_S`
    the node closes its server       the answer ends, whole, so that nobody waits for it
    a part fails                     its connection ends, so that the client sees it (`problems`)

Nothing is kept for a slow client: the next part is made when he has taken the last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

from aiohttp import web

from scheduler.api.state import STREAMS

SEND_S: Final = 20.0
"""How long a client may take to make room for more, beyond what its socket holds."""


async def stream(
    request: web.Request, parts: AsyncGenerator[bytes, None], *, content_type: str
) -> web.StreamResponse:
    """Answer with parts of text as they come; 204 where there is not even a first one.

    What the first part raises is a problem like any other; of a later one only the log tells.
    """
    async with aclosing(parts):
        first = await anext(parts, None)
        if first is None:
            return web.Response(status=204)
        answer = web.StreamResponse(headers={"Content-Type": f"{content_type}; charset=utf-8"})
        await answer.prepare(request)
        if request.method != "HEAD":
            await _pour(request, answer, first, parts)
        return answer


async def end_streams(app: web.Application) -> None:
    """End every answer that goes on: the node closes its server."""
    now = asyncio.get_running_loop().time()
    for open_ in app[STREAMS]:
        open_.reschedule(now)


async def _pour(
    request: web.Request,
    answer: web.StreamResponse,
    first: bytes,
    parts: AsyncGenerator[bytes, None],
) -> None:
    streams = request.app[STREAMS]
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as open_:
            streams.add(open_)
            try:
                await _send(request, answer, first)
                async for part in parts:
                    await _send(request, answer, part)
            finally:
                streams.discard(open_)


async def _send(request: web.Request, answer: web.StreamResponse, part: bytes) -> None:
    try:
        async with asyncio.timeout(SEND_S):
            await answer.write(part)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read") from None
