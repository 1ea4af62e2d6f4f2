"""Reads a body: within limits of size and time, and within what all requests may hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from scheduler.api.limits.budget import SMALL_BYTES
from scheduler.api.limits.lines import TOO_MANY_BYTES
from scheduler.api.limits.pace import Pace
from scheduler.api.requests.json_text import parse
from scheduler.api.state import LIMITS, SHARE
from scheduler.core.errors import Invalid, TooLarge

ARRAY_BYTES_MAX: Final = 8 * 1024 * 1024
"""The size of a bulk request."""
ENVELOPE_BYTES_MAX: Final = 64 * 1024
"""How much a job may need besides its `data`: names, a hook, white space. An order to abort a job
is not longer either."""
BODY_LAG_S: Final = 10.0
"""How long a client may send nothing; see `Pace`."""

_BLANKS: Final = b" \t\r\n"


async def read_order(request: web.Request) -> Any:  # noqa: ANN401 - any JSON value
    """The short body of a request as a JSON value.

    Raises:
        As `read_json`; Invalid: it is not JSON.
    """
    _require_json(request)
    return parse(await _read(request, object_max=ENVELOPE_BYTES_MAX, array_max=ENVELOPE_BYTES_MAX))


async def read_json(request: web.Request) -> bytes:
    """The body of a request that is declared as JSON, which may be an array of jobs.

    Raises:
        HTTPUnsupportedMediaType: it is not declared as JSON in UTF-8, or is compressed.
        HTTPRequestTimeout: it came too slowly.
        HTTPServiceUnavailable: all requests together hold too much.
        TooLarge: it is longer than allowed; the rest is not read.
        Invalid: it is incomplete.
    """
    _require_json(request)
    object_max = object_bytes_max(request.app[LIMITS].data_bytes_max)
    return await _read(request, object_max=object_max, array_max=max(ARRAY_BYTES_MAX, object_max))


def object_bytes_max(data_bytes_max: int) -> int:
    """The size of one job in a body, which has data of so many bytes."""
    return data_bytes_max + ENVELOPE_BYTES_MAX


async def skip_body(request: web.Request) -> None:
    """Read and forget the body of a request that needs none: unread, it would stay in memory.

    Raises:
        HTTPRequestTimeout: it came too slowly.
        TooLarge: it is longer than anybody sends by mistake.
    """
    if not request.content.at_eof():
        await _read(request, object_max=SMALL_BYTES, array_max=SMALL_BYTES)


def _require_json(request: web.Request) -> None:
    charset = request.charset or "utf-8"
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        declared = request.headers.get("Content-Type", "nothing")[:100]
        raise web.HTTPUnsupportedMediaType(
            text=f"the Content-Type says {declared!r}; allowed is application/json in UTF-8"
        )
    for header, plain in (("Content-Encoding", "identity"), ("Transfer-Encoding", "chunked")):
        encoding = ", ".join(request.headers.getall(header, [plain]))
        if encoding.strip().lower() != plain:
            raise web.HTTPUnsupportedMediaType(
                text=f"the {header} says {encoding[:100]!r}; allowed is only {plain}:"
                " a body must not be compressed"
            )


async def _read(request: web.Request, *, object_max: int, array_max: int) -> bytes:
    _require_below(array_max, request.content_length or 0)
    await _invite(request)
    body, share, loop = bytearray(), request[SHARE], asyncio.get_running_loop()
    bytes_max = None
    pace = Pace(loop.time(), lag_s=BODY_LAG_S)
    try:
        async with asyncio.timeout_at(pace.until) as timeout:
            while piece := await request.content.readany():
                if bytes_max is None and (begun := piece.lstrip(_BLANKS)):
                    bytes_max = array_max if begun.startswith(b"[") else object_max
                _require_below(bytes_max or object_max, len(body) + len(piece))
                if not share.grow(len(piece)):
                    raise web.HTTPServiceUnavailable(text=TOO_MANY_BYTES)
                body += piece
                timeout.reschedule(pace.moved(len(piece), loop.time()))
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"only {len(body)} bytes of the body came") from None
    except (HttpProcessingError, web.RequestPayloadError):
        raise Invalid("the body breaks off, or is not encoded as its headers say") from None
    return bytes(body)


async def _invite(request: web.Request) -> None:
    """Tell a client that waits for it (RFC 9110, section 10.1.1) to send its body."""
    if "Expect" in request.headers and not request.content.at_eof():
        with suppress(ConnectionError):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer proper has not begun


def _require_below(bytes_max: int, size: int) -> None:
    if size > bytes_max:
        raise TooLarge(f"the body is longer than {bytes_max} bytes")
