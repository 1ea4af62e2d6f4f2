"""What views find in the application: their collaborators and limits, under typed keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from scheduler.service.service import Service
from scheduler.service.statistics import StatisticsService


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one request may contain; each is a key of `[limits]` in the configuration."""

    data_bytes_max: int
    bulk_jobs_max: int


@dataclass(slots=True)
class OpenStreams:
    """The streams that are open."""

    number: int = 0
    timeouts: set[asyncio.Timeout] = field(default_factory=set)
    """Of those whose answer began: they expire at once when the node closes its server."""

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count one more while the block runs."""
        self.number += 1
        try:
            yield
        finally:
            self.number -= 1


SERVICE: Final = web.AppKey("service", Service)
STATISTICS: Final = web.AppKey("statistics", StatisticsService)
LIMITS: Final = web.AppKey("limits", Limits)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)
OPENAPI: Final = web.AppKey("openapi", bytes)
"""The OpenAPI document as JSON."""
DOCS: Final = web.AppKey("docs", str)
"""The OpenAPI document as a page."""
STREAMS: Final = web.AppKey("streams", OpenStreams)
