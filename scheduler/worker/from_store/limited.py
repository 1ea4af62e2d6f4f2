"""Claims jobs whose handlers limit them, and has those held that must wait for others.

    refused by the common claim ─▶ which of them are limited, with their data
                                          │ their limiters, by the handlers of this node
                                          ▼
                            store.limiters.claim ─┬─▶ claimed
                                               └─▶ held, with the next ones of their user

A node without such handlers asks nothing of all this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from scheduler.core.job import WaitingJob
from scheduler.core.limits.limiters import Limiter, limiters_of
from scheduler.core.ports.limiter_store import InLimiters, LimiterClaims, LimiterJob
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quotas
from scheduler.core.tasks import Tasks

AHEAD_MAX: Final = 500
"""How many further jobs of a user are looked at once one has to wait: else a worker would meet each
of ten thousand jobs of one key."""
AHEAD_BYTES_MAX: Final = 4096
"""Those with more data are met one by one."""


class LimitedClaims:
    """Claims limited jobs for one node."""

    def __init__(self, *, store: Store, tasks: Tasks, quotas: Quotas) -> None:
        self._store = store
        self._tasks = tasks
        self._quotas = quotas

    @property
    def tasks(self) -> Sequence[str]:
        """The handlers whose jobs are to be claimed here."""
        return self._tasks.limited

    async def claim(self, job_ids: Sequence[str], *, node_id: str, at: datetime) -> LimiterClaims:
        """Claim those of some jobs that are limited, as many as may begin.

        Raises:
            StoreUnavailable: they wait on, or are claimed and the answer was lost.
        """
        if not self.tasks or not job_ids:
            return LimiterClaims(())
        asked = self._in_limiters(await self._store.limiters.jobs(job_ids, tasks=self.tasks))
        if not asked:
            return LimiterClaims(())
        claims, held = await self._store.limiters.claim(
            asked, node_id=node_id, at=at, quotas=self._quotas
        )
        return LimiterClaims(claims, [*held, *await self._hold_ahead(asked, held)])

    def _in_limiters(self, jobs: Sequence[LimiterJob]) -> Sequence[InLimiters]:
        return [
            InLimiters(each.job, self._limiters(each)) for each in jobs if each.task in self._tasks
        ]

    def _limiters(self, job: LimiterJob) -> Sequence[Limiter]:
        return limiters_of(self._tasks[job.task], uid=job.job.uid, data=job.data)

    async def _hold_ahead(
        self, asked: Sequence[InLimiters], held: Sequence[WaitingJob]
    ) -> Sequence[WaitingJob]:
        """Hold the next jobs of a user that would have to wait in the same limiters."""
        if not held:
            return ()
        full = {limiter.key for each in asked if each.job in held for limiter in each.limiters}
        found = await self._store.limiters.next_jobs(
            held[0].uid,
            lane=held[0].lane,
            tasks=self.tasks,
            limit=AHEAD_MAX,
            bytes_max=AHEAD_BYTES_MAX,
        )
        alike = [
            each
            for each in self._in_limiters(found)
            if any(limiter.key in full for limiter in each.limiters)
        ]
        return await self._store.limiters.hold(alike) if alike else ()
