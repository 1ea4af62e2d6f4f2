"""HTTP metrics, labelled by the route's template, never by the path: uids have no limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from time import perf_counter
from typing import Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram, Info

from scheduler import __version__

NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30, 60)
"""Up to the longest wait that a client may request."""


def metrics_middleware(registry: CollectorRegistry) -> Any:  # noqa: ANN401 - aiohttp's Middleware is private
    """A middleware that counts and times every request that gets a response."""
    Info("scheduler_build", "Version of this node.", registry=registry).info(
        {"version": __version__}
    )
    counter = Counter(
        "scheduler_http_requests",
        "Requests answered, by route, method and status.",
        ("route", "method", "status"),
        registry=registry,
    )
    histogram = Histogram(
        "scheduler_http_request_seconds",
        "Time to answer a request, including a wait that the client asked for.",
        ("route", "method"),
        buckets=BUCKETS_S,
        registry=registry,
    )

    @cache
    def answered(route: str, method: str, status: int) -> Callable[[], None]:
        return counter.labels(route, method, str(status)).inc

    @cache
    def took(route: str, method: str) -> Callable[[float], None]:
        return histogram.labels(route, method).observe

    @web.middleware
    async def measure(request: web.Request, handler: NextHandler) -> web.StreamResponse:
        began = perf_counter()
        answer = await handler(request)
        route, method = _route(request), _method(request)
        answered(route, method, answer.status)()
        took(route, method)(perf_counter() - began)
        return answer

    return measure


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "none"


def _method(request: web.Request) -> str:
    return request.method if request.method in METHODS else "other"
