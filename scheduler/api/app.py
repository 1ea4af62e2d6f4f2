"""Builds the aiohttp application; the node runs it.

The node serves it by `limits/server.py`, whose limits hold for all that comes in before a view is
called. A client's disconnect cancels its view; the ports promise that this is safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, wraps

from aiohttp import web
from prometheus_client import CollectorRegistry

from scheduler.api import http_metrics, problems, state
from scheduler.api.access.browsers import refuse_other_sites
from scheduler.api.access.gate import Gate, View
from scheduler.api.access.parts import Access
from scheduler.api.dashboard import add_dashboard, dashboard_paths
from scheduler.api.description.described import described
from scheduler.api.description.route import Route
from scheduler.api.description.routes import UID_SEGMENT, routes
from scheduler.api.json_response import COMMON_HEADERS
from scheduler.api.limits.admission import admit
from scheduler.api.limits.load import Load
from scheduler.api.requests.bodies import skip_body
from scheduler.api.router import Router
from scheduler.api.streams import end_streams
from scheduler.service.lookup import Lookup
from scheduler.service.pauses import PauseService
from scheduler.service.places import PlaceService
from scheduler.service.quotas import QuotaService
from scheduler.service.reruns import Reruns
from scheduler.service.schedules.schedules import ScheduleService
from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService


def build_app(
    *,
    service: Service,
    quotas: QuotaService,
    reruns: Reruns,
    lookup: Lookup,
    statistics: StatisticsService,
    pauses: PauseService,
    places: PlaceService,
    schedules: ScheduleService,
    data_bytes_max: int,
    bulk_jobs_max: int,
    registry: CollectorRegistry,
    access: Access,
    path_prefix: str = "",
) -> web.Application:
    """The HTTP API over a service, ready for a runner.

    Args:
        service: the use cases behind the API.
        quotas: in front of the service where jobs are submitted.
        reruns: the use cases of jobs that are run again.
        lookup: finds jobs, for the dashboard.
        statistics: the use cases that only the dashboard needs.
        data_bytes_max: `[limits] data_bytes_max`, for the `data` of one job as JSON.
        bulk_jobs_max: `[limits] bulk_jobs_max`, for the jobs of one request.
        access: finds out who asks.
        path_prefix: `[http] path_prefix`, for the `Location` of a job.
        registry: the node's. The HTTP metrics are added to it, so only one application can use it.
    """
    table = routes(open_metrics=access.open_metrics)
    app = _bare_app(registry, depth_max=_depth_max(table))
    app[state.SERVICE] = service
    app[state.QUOTAS] = quotas
    app[state.RERUNS] = reruns
    app[state.LOOKUP] = lookup
    app[state.STATISTICS] = statistics
    app[state.PAUSES] = pauses
    app[state.PLACES] = places
    app[state.SCHEDULES] = schedules
    _keep(app, access)
    app[state.LIMITS] = state.Limits(data_bytes_max=data_bytes_max, bulk_jobs_max=bulk_jobs_max)
    app[state.PATH_PREFIX] = path_prefix
    app[state.REGISTRY] = registry
    app[state.DESCRIBED] = partial(described, open_metrics=access.open_metrics)
    app[state.LOAD] = Load()
    app[state.STREAMS] = state.OpenStreams()
    app.on_shutdown.append(end_streams)
    app.on_response_prepare.append(_finish_headers)
    for route in table:
        _add(app, route, access.gate)
    add_dashboard(app, access.gate)
    return app


def _bare_app(registry: CollectorRegistry, *, depth_max: int) -> web.Application:
    """An application without routes, and what each request goes through."""
    app = web.Application(
        middlewares=[
            http_metrics.metrics_middleware(registry),
            admit,
            problems.answer_problems,
            refuse_other_sites,
        ]
    )
    app._router = Router(depth_max=depth_max)  # noqa: SLF001 - the argument is deprecated
    return app


def _keep(app: web.Application, access: Access) -> None:
    """Let views find what says who asks."""
    app[state.TOKENS] = access.tokens
    app[state.SESSIONS] = access.sessions
    app[state.SESSION_COOKIE] = access.session_cookie
    app[state.AUDIT] = access.audit
    app[state.CLIENTS] = access.clients
    app[state.HOSTS] = access.hosts
    app[state.FAILURES] = access.gate.failures


def _add(app: web.Application, route: Route, gate: Gate) -> None:
    path = route.path.replace("{uid}", UID_SEGMENT)
    view = route.function if route.body is not None else _without_body(route.function)
    view = gate.guarded(view, route.right)
    for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
        app.router.add_route(method, path, view)


def _depth_max(table: Sequence[Route]) -> int:
    paths = (*(route.path for route in table), *dashboard_paths())
    return max(path.count("/") for path in paths)


def _without_body(view: View) -> View:
    """The view of a route that takes no body."""

    @wraps(view)
    async def skipping(request: web.Request) -> web.StreamResponse:
        await skip_body(request)
        return await view(request)

    return skipping


async def _finish_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall("Server", None)  # aiohttp would show its version and Python's
    for name, value in COMMON_HEADERS.items():
        response.headers.setdefault(name, value)
