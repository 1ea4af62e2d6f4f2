"""The dashboard's own queries: statistics, and how many jobs a bulk abort would affect.

Every query costs about the same however many jobs there are: each count stops at a limit, and the
result says when the limit was reached.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Final

from scheduler.core import statistics
from scheduler.core.access.principal import Principal, Right
from scheduler.core.job import FINAL, Status
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.statistics import CountSample, Statistics
from scheduler.service.access.rights import require_uid_or_all

MINUTES: Final = 30
"""How far the chart of finished jobs per minute reaches back."""
COUNT_MAX: Final = 10_000
"""Queued jobs, and jobs that an abort would affect, are counted up to this number."""
FINISHED_MAX: Final = 50_000
"""Finished jobs are counted up to this number: about 20 ms of the database's time."""
DURATIONS_MAX: Final = 1_000
"""How many of the last finished jobs the quantiles are taken from: 50 lie above the 95th."""


class StatisticsService:
    """The dashboard's use cases; all of them only read."""

    def __init__(
        self, *, store: Store, clock: Clock, lease_s: float, samples: Collection[CountSample] = ()
    ) -> None:
        """Show the `samples` that the node takes meanwhile, too."""
        self.lease_s = lease_s
        self._samples = samples
        self._store = store
        self._clock = clock

    async def statistics(self, by: Principal) -> Statistics:
        """How many jobs wait, run and end, and how long that takes.

        Raises:
            Forbidden: somebody may not read the jobs of all users.
        """
        require_uid_or_all(by, Right.READ, None)
        now = self._clock.now()
        since = (now - timedelta(minutes=MINUTES - 1)).replace(second=0, microsecond=0)
        counts = await self._store.counts(count_max=COUNT_MAX)
        finished_per_step = await self._store.finished_per_step(since=since, limit=FINISHED_MAX)
        durations = await self._store.durations(since=since, limit=DURATIONS_MAX)
        return statistics.Statistics(
            at=now,
            counts=counts,
            queued_is_exact=counts.queued < COUNT_MAX,
            last_minute=statistics.within_last_minute(finished_per_step, now=now),
            minutes=statistics.by_minute(finished_per_step, now=now, count=MINUTES),
            minutes_since=statistics.complete_since(
                finished_per_step, asked=since, limit=FINISHED_MAX
            ),
            waiting=statistics.quantiles(each.waited_s for each in durations),
            running=statistics.quantiles(each.ran_s for each in durations),
        )

    def samples(self, by: Principal) -> Sequence[CountSample]:
        """How many jobs were queued and ran lately, oldest first, as far as this node remembers.

        Raises:
            Forbidden: somebody may not read the jobs of all users.
        """
        require_uid_or_all(by, Right.READ, None)
        return tuple(self._samples)

    async def unfinished(
        self,
        by: Principal,
        uid: str | None,
        *,
        statuses: Collection[Status],
        task: str | None,
        group: str | None = None,
    ) -> Mapping[str, int]:
        """How many jobs of each user an abort of all that match would affect: up to `COUNT_MAX`.

        Raises:
            Forbidden: somebody may not abort these.
        """
        uid = uid or by.only_uid
        require_uid_or_all(by, Right.CHANGE, uid)
        wanted = frozenset(statuses or Status) - FINAL
        if not wanted:
            return {}
        if uid is None:
            return await self._store.unfinished_by_user(statuses=wanted, task=task, limit=COUNT_MAX)
        ids = await self._store.unfinished(
            uid, statuses=wanted, task=task, group=group, limit=COUNT_MAX
        )
        return {uid: len(ids)} if ids else {}
