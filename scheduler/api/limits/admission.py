"""Lets requests in, or answers 503: a request must find a connection and bytes left for it.

Aborts, health and readiness are always let in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from scheduler.api.limits.budget import SMALL_BYTES, Share
from scheduler.api.limits.connection import Connection, body_bytes
from scheduler.api.limits.lines import TOO_MANY_BYTES
from scheduler.api.problems import BUSY, problem
from scheduler.api.state import LOAD, SHARE

NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

URGENT_PATHS: Final = frozenset({"/-/health", "/-/ready"})
TOO_MANY_CONNECTIONS: Final = "too many connections are open"


def is_urgent(method: str, path: str) -> bool:
    """Whether a request is let in whatever is going on."""
    return method == "DELETE" or path in URGENT_PATHS


@web.middleware
async def admit(request: web.Request, handler: NextHandler) -> web.StreamResponse:
    """Let a request in and count what it holds (aiohttp requires the name `handler`)."""
    urgent = is_urgent(request.method, request.path)
    if not urgent and isinstance(request.protocol, Connection) and request.protocol.is_extra:
        return _refuse(request, TOO_MANY_CONNECTIONS)
    share = request[SHARE] = Share(request.app[LOAD].budget, urgent=urgent)
    try:
        answer = await handler(request)
    finally:
        share.give_back()
    if request.method in {"GET", "HEAD"} and not urgent and not _fits(request, answer):
        return _refuse(request, TOO_MANY_BYTES)
    return answer


def _fits(request: web.Request, answer: web.StreamResponse) -> bool:
    size = body_bytes(answer)
    return request.app[LOAD].budget.has_room(size, small=size <= SMALL_BYTES)


def _refuse(request: web.Request, detail: str) -> web.Response:
    answer = problem(BUSY, detail)
    if not request.content.at_eof() or detail is TOO_MANY_CONNECTIONS:
        answer.force_close()
    return answer
