"""What a node measures of itself and of the house from time to time, for Prometheus."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import count
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.telemetry.metrics import Metrics

EVERY_S: Final = 0.5
"""How often the event loop is asked how late it is."""
STANDING_EVERY: Final = 10
"""Every so many times the store is asked what waits: more often than Prometheus usually asks us."""
COUNT_MAX: Final = 10_000
"""Jobs that are counted: what waits beyond is a queue that is too long, however long it is."""


class Gauges:
    """A node's measurements of what nobody tells it."""

    def __init__(self, metrics: Metrics, *, store: Store, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Measure for ever."""
        for beat in count():
            if beat % STANDING_EVERY == 0:
                await self.look()
            due = self._clock.monotonic() + EVERY_S
            await self._clock.sleep(EVERY_S)
            self._metrics.lag.observe(max(0.0, self._clock.monotonic() - due))

    async def look(self) -> None:
        """Ask what waits; while the store is away nobody knows, and a gauge says so: NaN."""
        queued = oldest_s = math.nan
        with suppress(StoreUnavailable):
            counts = await self._store.counts(count_max=COUNT_MAX)
            queued, oldest_s = counts.queued, 0.0
            if (since := counts.oldest_queued_at) is not None:
                oldest_s = max(0.0, (self._clock.now() - since).total_seconds())
        self._metrics.queued.set(queued)
        self._metrics.oldest.set(oldest_s)
