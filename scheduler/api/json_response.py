"""Responses with a JSON body, written by orjson."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Final

import orjson
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion11

COMMON_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Forbid caching, since job data is private and changes, use in pages of other sites, and guessing
of content types."""


class JsonResponse(web.Response):
    """A response with a JSON body.

    On a connection that stays open, as nearly always, head and body are written as they are: the
    steps that aiohttp takes for all other cases would cost as much as the check of a job.
    """

    _writer: AbstractStreamWriter | None = None
    """Set where the response is written without these steps."""

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection stays open; None where the request decides."""
        return super().keep_alive if self._writer is None else True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Make the head; see aiohttp."""
        is_plain = not self.prepared and not self._cookies and self.keep_alive is None
        if not is_plain or not _is_usual(request):
            return await super().prepare(request)
        assert isinstance(self.body, bytes)  # noqa: S101 - see `json_response`
        self.headers["Content-Length"] = str(len(self.body))
        self.headers["Date"] = _date(int(time.time()))
        self._writer = request.writer
        await self._writer.write_headers(f"HTTP/1.1 {self.status} {self.reason}", self.headers)
        return self._writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Write head and body; see aiohttp."""
        if self._writer is None:
            await super().write_eof(data)
        else:
            assert isinstance(self.body, bytes)  # noqa: S101 - see `json_response`
            await self._writer.write_eof(self.body)


def json_response(
    value: object,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> web.Response:
    """A response with a JSON body."""
    return JsonResponse(
        body=orjson.dumps(value),
        status=status,
        headers={"Content-Type": content_type, **COMMON_HEADERS, **(headers or {})},
    )


def _is_usual(request: web.BaseRequest) -> bool:
    """Whether the response has a body, and the connection stays open after it."""
    return request.version == HttpVersion11 and request.keep_alive and request.method != "HEAD"


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The `Date` of a response (RFC 9110, section 6.6.1)."""
    return formatdate(second, usegmt=True)
