"""Reads a body: within limits of size and time, and within what all requests may hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader

from scheduler.api.limits.budget import SMALL_BYTES, Share
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

UTF_8: Final = frozenset({"utf-8", "utf8"})
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


async def read_optional(request: web.Request) -> bytes:
    """The body of a request that may have none; then it is empty, whatever it is declared as.

    Raises:
        As `read_json`.
    """
    return await read_json(request) if request.body_exists else b""


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
    if request.headers.get("Content-Type") != "application/json":
        _require_declared(request)
    _require_plain(request, "Content-Encoding", "identity")
    _require_plain(request, "Transfer-Encoding", "chunked")


def _require_declared(request: web.Request) -> None:
    declared = request.headers.get("Content-Type", "nothing")
    # Not by aiohttp, which parses it as that of a mail: 8 KB can take a second, or raise any error.
    media, *parameters = (part.strip().lower() for part in declared.split(";"))
    named = (name_and_value.partition("=") for name_and_value in parameters)
    charsets = {value.strip(' \t"') for name, _, value in named if name.strip() == "charset"}
    if media != "application/json" or not charsets <= UTF_8:
        raise web.HTTPUnsupportedMediaType(
            text=f"the Content-Type says {declared[:100]!r}; allowed is application/json in UTF-8"
        )


def _require_plain(request: web.Request, header: str, plain: str) -> None:
    if header not in request.headers:
        return
    encoding = ", ".join(request.headers.getall(header))
    if encoding.strip().lower() != plain:
        raise web.HTTPUnsupportedMediaType(
            text=f"the {header} says {encoding[:100]!r}; allowed is only {plain}:"
            " a body must not be compressed"
        )


async def _read(request: web.Request, *, object_max: int, array_max: int) -> bytes:
    _require_below(array_max, request.content_length or 0)
    body = _Body(request[SHARE], object_max=object_max, array_max=array_max)
    content = request.content
    if content.is_eof() and content.exception() is None:
        # Nearly always: a small body comes with its header.
        whole = content.read_nowait()
        body.admit(whole)
        return whole
    try:
        await _invite(request)
        await _read_in_time(content, body)
    except TimeoutError:
        detail = f"only {len(body.bytes)} bytes of the body came"
        raise web.HTTPRequestTimeout(text=detail) from None
    except (HttpProcessingError, web.RequestPayloadError):
        raise Invalid("the body breaks off, or is not encoded as its headers say") from None
    return bytes(body.bytes)


async def _read_in_time(content: StreamReader, body: _Body) -> None:
    loop = asyncio.get_running_loop()
    pace = Pace(loop.time(), lag_s=BODY_LAG_S)
    async with asyncio.timeout_at(pace.until) as timeout:
        while piece := await content.readany():
            body.add(piece)
            timeout.reschedule(pace.moved(len(piece), loop.time()))


class _Body:
    """The bytes of a body that came."""

    def __init__(self, share: Share, *, object_max: int, array_max: int) -> None:
        self.bytes = bytearray()
        self._share = share
        self._bytes_max = object_max
        self._array_max = array_max
        self._is_blank = True

    def add(self, piece: bytes) -> None:
        """Keep one more piece, if it may come; raises as `admit`."""
        self.admit(piece)
        self.bytes += piece

    def admit(self, piece: bytes) -> None:
        """Count one more piece, if it may come.

        Raises:
            TooLarge, HTTPServiceUnavailable: it may not.
        """
        if self._is_blank and (begun := piece.lstrip(_BLANKS)):
            self._is_blank = False  # each byte is looked at once, however many pieces come
            if begun.startswith(b"["):
                self._bytes_max = self._array_max
        _require_below(self._bytes_max, len(self.bytes) + len(piece))
        if not self._share.grow(len(piece)):
            raise web.HTTPServiceUnavailable(text=TOO_MANY_BYTES)


async def _invite(request: web.Request) -> None:
    """Tell a client that waits for it (RFC 9110, section 10.1.1) to send its body."""
    if "Expect" in request.headers:
        with suppress(ConnectionError):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer proper has not begun


def _require_below(bytes_max: int, size: int) -> None:
    if size > bytes_max:
        raise TooLarge(f"the body is longer than {bytes_max} bytes")
