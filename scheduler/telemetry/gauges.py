"""What a node measures at intervals: its event loop's lag, and the queued and running jobs.

Prometheus asks for the last measurements. The dashboard also shows what was counted before.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import HoldReason
from scheduler.core.pause import PauseKind
from scheduler.core.places.labels import ANYWHERE, Place
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.statistics import CountSample
from scheduler.telemetry.metrics import Metrics

EVERY_S: Final = 0.5
"""How often the lag of the event loop is measured."""
STORE_EVERY: Final = 10
"""At every tenth measurement, so every 5 s, the store is asked: more often than usual scrapes."""
COUNT_MAX: Final = 10_000
"""Queued jobs are counted up to this number: beyond it the queue is too long, however long."""


SAMPLES_MAX: Final = 360
"""How many counts a node remembers: those of half an hour, as far as the dashboard's charts go."""


class Gauges:
    """Measurements of what no event reports."""

    def __init__(self, metrics: Metrics, *, store: Store, clock: Clock) -> None:
        self.samples: Final = deque[CountSample](maxlen=SAMPLES_MAX)
        """The last counts of queued and running jobs, oldest first."""
        self._metrics = metrics
        self._store = store
        self._clock = clock
        self._reasons: set[str] = set(HoldReason)

    async def run(self) -> None:
        """Measure for ever."""
        for tick in count():
            if tick % STORE_EVERY == 0:
                await self.measure_queue()
            due = self._clock.monotonic() + EVERY_S
            await self._clock.sleep(EVERY_S)
            self._metrics.lag.observe(max(0.0, self._clock.monotonic() - due))

    async def measure_queue(self) -> None:
        """Count the jobs; while the store is away the gauges are NaN: unknown."""
        queued = oldest_s = math.nan
        with suppress(StoreUnavailable):
            counts = await self._store.counts(count_max=COUNT_MAX)
            self.samples.append(
                CountSample(self._clock.now(), queued=counts.queued, running=counts.running)
            )
            queued, oldest_s = counts.queued, counts.oldest_queued_s or 0.0
            without_node = await self._without_node(counts.queued)
            no_node = counts.held.get(HoldReason.NO_NODE, 0) + without_node
            self._set_held({**counts.held, HoldReason.NO_NODE: no_node})
            pauses = await self._store.pauses.page(limit=COUNT_MAX)
            self._set_pauses(Counter(pause.kind for pause in pauses))
        self._metrics.queued.set(queued)
        self._metrics.oldest.set(oldest_s)

    async def _without_node(self, queued: int) -> int:
        """How many of the jobs that wait no live node takes, by what they need."""
        if not queued:
            return 0
        lanes: list[str] = []
        while more := await self._store.lanes(after=lanes[-1] if lanes else ANYWHERE):
            lanes += more
        places = [Place(node.labels, node.only) for node in await self._store.nodes()]
        left = [lane for lane in lanes if not any(place.takes_lane(lane) for place in places)]
        if not places or any(place.takes(()) for place in places):
            return sum((await self._store.lane_counts(left, count_max=COUNT_MAX)).values())
        # Nor those that need nothing: these are all that are in no lane.
        found = await self._store.lane_counts(lanes, count_max=COUNT_MAX)
        plain = max(0, queued - sum(found.values()))
        return plain + sum(found.get(lane, 0) for lane in left)

    def _set_pauses(self, counted: Mapping[PauseKind, int]) -> None:
        for kind in PauseKind:
            self._metrics.pauses(kind).set(counted.get(kind, 0))

    def _set_held(self, held: Mapping[str, int]) -> None:
        """Count held jobs by reason; a reason that no job has any more is 0."""
        self._reasons |= set(held)
        for reason in self._reasons:
            self._metrics.held(reason).set(held.get(reason, 0))
