"""An answer with a JSON body."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from aiohttp import web


def json_answer(
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> web.Response:
    """An answer with a JSON body."""
    body = orjson.dumps(value)
    return web.Response(body=body, status=status, headers=headers, content_type=content_type)
