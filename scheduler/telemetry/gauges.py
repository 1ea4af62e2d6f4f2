"""What a node measures at intervals for Prometheus: its event loop's lag, and the queued jobs."""

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
"""How often the lag of the event loop is measured."""
STORE_EVERY: Final = 10
"""At every tenth measurement, so every 5 s, the store is asked: more often than usual scrapes."""
COUNT_MAX: Final = 10_000
"""Queued jobs are counted up to this number: beyond it the queue is too long, however long."""


class Gauges:
    """Measurements of what no event reports."""

    def __init__(self, metrics: Metrics, *, store: Store, clock: Clock) -> None:
        self._metrics = metrics
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Measure for ever."""
        for tick in count():
            if tick % STORE_EVERY == 0:
                await self.measure_queue()
            due = self._clock.monotonic() + EVERY_S
            await self._clock.sleep(EVERY_S)
            self._metrics.lag.observe(max(0.0, self._clock.monotonic() - due))

    async def measure_queue(self) -> None:
        """Count the queued jobs; while the store is away the gauges are NaN: unknown."""
        queued = oldest_s = math.nan
        with suppress(StoreUnavailable):
            counts = await self._store.counts(count_max=COUNT_MAX)
            queued, oldest_s = counts.queued, 0.0
            if (since := counts.oldest_queued_at) is not None:
                oldest_s = max(0.0, (self._clock.now() - since).total_seconds())
        self._metrics.queued.set(queued)
        self._metrics.oldest.set(oldest_s)
