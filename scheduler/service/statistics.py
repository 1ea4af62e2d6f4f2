"""What the dashboard asks beyond the API: the house at a glance, and how much an abort would meet.

Every answer costs about the same however many jobs there are: what is counted is counted up to a
limit, and the answer says where that was reached.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from scheduler.core import statistics
from scheduler.core.job import FINAL, Status
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.statistics import Statistics

MINUTES: Final = 30
"""How far the chart of finished_per_step reaches back."""
COUNT_MAX: Final = 10_000
"""Jobs that wait, or that an abort would meet, are counted up to here."""
ENDED_MAX: Final = 50_000
"""Endings are counted up to here: some 20 ms of a database's time."""
SPANS_MAX: Final = 1_000
"""From how many of the newest ends the quantiles are taken: 50 of them lie above the 95th."""


class StatisticsService:
    """The dashboard's use cases; all of them read only."""

    def __init__(self, *, store: Store, clock: Clock, lease_s: float) -> None:
        self.lease_s = lease_s
        self._store = store
        self._clock = clock

    async def statistics(self) -> Statistics:
        """How many jobs wait, run and end, and how long that takes."""
        now = self._clock.now()
        since = (now - timedelta(minutes=MINUTES - 1)).replace(second=0, microsecond=0)
        counts = await self._store.counts(count_max=COUNT_MAX)
        finished_per_step = await self._store.finished_per_step(since=since, limit=ENDED_MAX)
        durations = await self._store.durations(since=since, limit=SPANS_MAX)
        return statistics.Statistics(
            at=now,
            counts=counts,
            queued_is_exact=counts.queued < COUNT_MAX,
            last_minute=statistics.within_last_minute(finished_per_step, now=now),
            minutes=statistics.by_minute(finished_per_step, now=now, count=MINUTES),
            minutes_since=statistics.complete_since(
                finished_per_step, asked=since, limit=ENDED_MAX
            ),
            waiting=statistics.quantiles(span.waited_s for span in durations),
            running=statistics.quantiles(span.ran_s for span in durations),
        )

    async def unfinished(
        self, uid: str | None, *, statuses: Collection[Status], task: str | None
    ) -> Mapping[str, int]:
        """By user, how many jobs an abort of all that match would meet: up to `COUNT_MAX`."""
        wanted = frozenset(statuses or Status) - FINAL
        if not wanted:
            return {}
        if uid is None:
            return await self._store.unfinished_by_user(statuses=wanted, task=task, limit=COUNT_MAX)
        ids = await self._store.unfinished(uid, statuses=wanted, task=task, limit=COUNT_MAX)
        return {uid: len(ids)} if ids else {}
