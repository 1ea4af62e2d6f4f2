"""What views find in the application: their collaborators and limits, under typed keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from scheduler.api.access.clients import Clients
from scheduler.api.access.failures import Failures
from scheduler.api.access.hosts import Hosts
from scheduler.api.limits.budget import Share
from scheduler.api.limits.load import Load
from scheduler.core.access.principal import Principal
from scheduler.service.access.audit import Audit
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import Tokens
from scheduler.service.lookup import Lookup
from scheduler.service.pauses import PauseService
from scheduler.service.places import PlaceService
from scheduler.service.quotas import QuotaService
from scheduler.service.reruns import Reruns
from scheduler.service.schedules.schedules import ScheduleService
from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService


class Described(NamedTuple):
    """The OpenAPI document."""

    json: bytes
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may contain; each is a key of `[limits]` in the configuration."""

    data_bytes_max: int
    bulk_jobs_max: int


@dataclass(slots=True)
class OpenStreams:
    """The streams that are open."""

    timeouts: set[asyncio.Timeout] = field(default_factory=set)
    """Of those whose answer began: they expire at once when the node closes its server."""


SERVICE: Final = web.AppKey("service", Service)
QUOTAS: Final = web.AppKey("quotas", QuotaService)
LOOKUP: Final = web.AppKey("lookup", Lookup)
RERUNS: Final = web.AppKey("reruns", Reruns)
STATISTICS: Final = web.AppKey("statistics", StatisticsService)
PAUSES: Final = web.AppKey("pauses", PauseService)
PLACES: Final = web.AppKey("places", PlaceService)
SCHEDULES: Final = web.AppKey("schedules", ScheduleService)
TOKENS: Final = web.AppKey("tokens", Tokens)
SESSIONS: Final = web.AppKey("sessions", Sessions)
SESSION_COOKIE: Final = web.AppKey("session_cookie", str)
"""The name of the cookie that has a session."""
AUDIT: Final = web.AppKey("audit", Audit)
CLIENTS: Final = web.AppKey("clients", Clients)
PRINCIPAL: Final = web.RequestKey("principal", Principal)
"""Who asks; only where the route needs a right."""
HOSTS: Final = web.AppKey("hosts", Hosts)
"""The names by which the node may be asked."""
FAILURES: Final = web.AppKey("failures", Failures)
"""Those whose logins fail."""
LIMITS: Final = web.AppKey("limits", Limits)
PATH_PREFIX: Final = web.AppKey("path_prefix", str)
"""The path below which a proxy serves the node, without a slash at its end; empty for the root."""
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)
DESCRIBED: Final = web.AppKey("described", partial[Described])
"""The description of this API; the first call takes a while."""
LOAD: Final = web.AppKey("load", Load)
SHARE: Final = web.RequestKey("share", Share)
"""What the request holds of the budget."""
STREAMS: Final = web.AppKey("streams", OpenStreams)
