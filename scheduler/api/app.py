"""Builds the aiohttp application; the node runs it.

The node must run it with `web.AppRunner(app, handler_cancellation=True, access_log=None)`: only
then does a client's disconnect end its long wait. The ports promise that cancelling is safe.
"""

from __future__ import annotations

from functools import cache

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry

from scheduler.api import http_metrics, problems, state
from scheduler.api.dashboard import add_dashboard
from scheduler.api.description import docs
from scheduler.api.description.openapi import document
from scheduler.api.description.route import Route
from scheduler.api.description.routes import ROUTES, UID_SEGMENT
from scheduler.api.streams import end_streams
from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService


def build_app(
    *,
    service: Service,
    statistics: StatisticsService,
    data_bytes_max: int,
    bulk_jobs_max: int,
    registry: CollectorRegistry,
) -> web.Application:
    """The HTTP API over a service, ready for a runner.

    Args:
        service: the use cases behind the API.
        statistics: the use cases that only the dashboard needs.
        data_bytes_max: `[limits] data_bytes_max`, for the `data` of one job as JSON.
        bulk_jobs_max: `[limits] bulk_jobs_max`, for the jobs of one request.
        registry: the node's. The HTTP metrics are added to it, so only one application can use it.
    """
    app = web.Application(
        middlewares=[http_metrics.metrics_middleware(registry), problems.answer_problems]
    )
    app[state.SERVICE] = service
    app[state.STATISTICS] = statistics
    app[state.LIMITS] = state.Limits(data_bytes_max=data_bytes_max, bulk_jobs_max=bulk_jobs_max)
    app[state.REGISTRY] = registry
    app[state.OPENAPI], app[state.DOCS] = _described()
    app[state.STREAMS] = state.OpenStreams()
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(_finish_headers)
    for route in ROUTES:
        _add(app, route)
    add_dashboard(app)
    return app


def _add(app: web.Application, route: Route) -> None:
    path = route.path.replace("{uid}", UID_SEGMENT)
    for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
        app.router.add_route(method, path, route.function)


@cache  # the routes are constants, and pydantic is slow
def _described() -> tuple[bytes, str]:
    """The OpenAPI document as JSON and as a page."""
    described = document(ROUTES)
    return orjson.dumps(described), docs.page(described)


async def _finish_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Forbid caching, since job data is private and changes, and guessing of content types."""
    response.headers.popall("Server", None)  # aiohttp would show its version and Python's
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
