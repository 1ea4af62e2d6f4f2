"""Requests that take long: each takes one of the places that its asker may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from scheduler.api.access.addresses import origin
from scheduler.api.limits.admission import is_urgent
from scheduler.api.state import LOAD, PRINCIPAL


def asker(request: web.Request) -> str:
    """Who asks, where each has so many places: a token, a proxy's user, or else an address."""
    principal = request[PRINCIPAL]
    if principal.token_id is not None:
        return f"token {principal.token_id}"
    return f"user {principal.name}" if principal.name is not None else f"from {origin(request)}"


@contextmanager
def waiting(request: web.Request, wait_s: float) -> Iterator[float]:
    """Wait for a job during the block; yields for how long.

    An abort that finds no place does not wait. It is carried out all the same.

    Raises:
        HTTPServiceUnavailable, HTTPTooManyRequests: another request finds none.
    """
    waits, who = request.app[LOAD].waits, asker(request)
    if wait_s <= 0 or (is_urgent(request.method, request.path) and not waits.has_one_for(who)):
        yield 0.0
        return
    with waits.taken_by(who):
        yield wait_s
