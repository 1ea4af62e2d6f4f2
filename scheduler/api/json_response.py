"""Responses with a JSON body, written by orjson."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import orjson
from aiohttp import web

COMMON_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
"""Forbid caching, since job data is private and changes, and guessing of content types."""


def json_response(
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> web.Response:
    """A response with a JSON body."""
    body = orjson.dumps(value)
    return web.Response(body=body, status=status, headers=headers, content_type=content_type)
