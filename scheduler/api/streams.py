"""Responses that continue for as long as there is more to send.

    the client disconnects         aiohttp cancels the view
    the client does not read       its connection is closed after `SEND_S`
    the node closes its server     the response is completed, so that the server need not wait
    making a part fails            its connection is closed, so that the client sees it (`problems`)
    no place is left for it        it is answered with 503, or 429: see `limits/places.py`

Nothing is buffered for a slow client: the next part is made when the client has read the last one.
What it costs until then is bounded by the buffers of its connection, which are made small.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

from aiohttp import web

from scheduler.api.limits.lasting import asker
from scheduler.api.problems import TOO_MANY_STREAMS, problem
from scheduler.api.state import LOAD, STREAMS

LIVE: Final = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
"""Has proxies pass each part on as it comes: nginx, and what follows its lead, would wait for more
of them; to compress a stream means to wait too."""
SEND_S: Final = 20.0
"""How long a client may leave its socket full before its connection is closed."""
BUFFER_BYTES: Final = 64 * 1024
"""What is buffered of a stream, here and once more in the kernel, before its sender waits."""


async def stream(
    request: web.Request, parts: AsyncGenerator[bytes, None], *, content_type: str
) -> web.StreamResponse:
    """Send parts of text as they come; 204 if there is none at all.

    An error while the first part is made is answered as a problem. A later one is only logged.
    """
    places = request.app[LOAD].streams
    async with aclosing(parts):
        if places.taken >= places.most:
            return problem(TOO_MANY_STREAMS, places.all_taken)
        with places.taken_by(asker(request)):
            first = await anext(parts, None)
            if first is None:
                return web.Response(status=204)
            headers = {"Content-Type": f"{content_type}; charset=utf-8", **LIVE}
            answer = web.StreamResponse(headers=headers)
            _bound_buffers(request)
            await answer.prepare(request)
            if request.method != "HEAD":
                await _send_all(request, answer, first, parts)
            return answer


async def end_streams(app: web.Application) -> None:
    """Complete every open stream, because the node closes its server."""
    now = asyncio.get_running_loop().time()
    for timeout in app[STREAMS].timeouts:
        timeout.reschedule(now)


def _bound_buffers(request: web.Request) -> None:
    """Keep the kernel from buffering megabytes for a client that does not read."""
    if request.transport is not None:
        request.transport.set_write_buffer_limits(BUFFER_BYTES)
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)


async def _send_all(
    request: web.Request,
    answer: web.StreamResponse,
    first: bytes,
    parts: AsyncGenerator[bytes, None],
) -> None:
    timeouts = request.app[STREAMS].timeouts
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as timeout:
            timeouts.add(timeout)
            try:
                await _send(request, answer, first)
                async for part in parts:
                    await _send(request, answer, part)
            finally:
                timeouts.discard(timeout)


async def _send(request: web.Request, answer: web.StreamResponse, part: bytes) -> None:
    try:
        async with asyncio.timeout(SEND_S):
            await answer.write(part)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read") from None
