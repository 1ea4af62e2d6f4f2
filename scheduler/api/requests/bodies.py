"""Reads a JSON body, and never more of it than is allowed."""

from __future__ import annotations

import re
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from scheduler.api.requests.json_text import parse
from scheduler.api.state import LIMITS, Limits
from scheduler.core.errors import Invalid, TooLarge

ARRAY_BYTES_MAX: Final = 8 * 1024 * 1024
"""The size of a bulk request: small enough to parse and store without delaying other requests."""
ENVELOPE_BYTES_MAX: Final = 64 * 1024
"""How much a job may need besides its `data`: names, a hook, white space."""

_ARRAY: Final = re.compile(rb"[ \t\r\n]*\[")


async def read_json(request: web.Request) -> Any:  # noqa: ANN401 - any JSON value
    """The body of a request as a JSON value.

    Raises:
        HTTPUnsupportedMediaType: it is not declared as JSON in UTF-8.
        TooLarge: it is longer than allowed; the rest is not read.
        Invalid: it is not JSON, or is incomplete.
    """
    _require_json(request)
    return parse(await _read(request, request.app[LIMITS]))


def _require_json(request: web.Request) -> None:
    charset = request.charset or "utf-8"
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        declared = request.headers.get("Content-Type", "nothing")[:100]
        raise web.HTTPUnsupportedMediaType(
            text=f"the Content-Type says {declared!r}; allowed is application/json in UTF-8"
        )


async def _read(request: web.Request, limits: Limits) -> bytes:
    object_max = limits.data_bytes_max + ENVELOPE_BYTES_MAX
    array_max = max(ARRAY_BYTES_MAX, object_max)
    _require_below(array_max, request.content_length or 0)
    body = bytearray()
    try:
        while chunk := await request.content.readany():
            body += chunk
            _require_below(array_max if _ARRAY.match(body) else object_max, len(body))
    except (HttpProcessingError, web.RequestPayloadError):
        raise Invalid("the body breaks off, or is not encoded as its headers say") from None
    return bytes(body)


def _require_below(bytes_max: int, size: int) -> None:
    if size > bytes_max:
        raise TooLarge(f"the body is longer than {bytes_max} bytes")
