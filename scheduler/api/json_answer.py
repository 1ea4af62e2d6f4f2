"""An answer with a JSON body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping


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
