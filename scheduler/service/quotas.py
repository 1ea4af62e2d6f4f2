"""The use cases of quotas: submit within them, and see what a user uses.

    submit ─▶ refuses who is too fast ─▶ service.submit ─▶ store.insert refuses what is too much
                        └─────────────────────┬────────────────────┘
                                              ▼
                   a repetition by its key gets its first answer all the same

How fast a user submits is known to this node alone: it protects the node, and needs no database.
How many jobs are queued is counted in the transaction that stores further ones.
"""

from __future__ import annotations

from asyncio import Lock
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple
from weakref import WeakValueDictionary

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.principal import Principal, Right
from scheduler.core.errors import QuotaExceeded, Standing
from scheduler.core.job import FOR_QUOTA, Job, JobRequest, Status
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Inserted, Store
from scheduler.core.quotas.quota import Quota, Quotas, Usage, queue_limits, queue_standing
from scheduler.core.quotas.rates import Rates
from scheduler.service.access.rights import require_users
from scheduler.service.service import Service
from scheduler.telemetry.job_events import JobEvents

COUNT_MAX: Final = 10_000
"""The jobs that a user has are counted up to this number, or up to the quota: a look at somebody
with a million of them must not cost a second of a database's time."""


class Submitted(NamedTuple):
    """What became of a submission."""

    inserted: Inserted
    standings: Sequence[Standing]
    """How its user stands now; nothing where there is no quota, or there are several users."""


class QuotaService:
    """Submissions within the quotas of their users."""

    def __init__(
        self,
        quotas: Quotas,
        *,
        service: Service,
        store: Store,
        clock: Clock,
        job_events: JobEvents,
    ) -> None:
        self._quotas = quotas
        self._rates = Rates()
        self._service = service
        self._store = store
        self._clock = clock
        self._job_events = job_events
        self._keys: WeakValueDictionary[tuple[str, str], Lock] = WeakValueDictionary()

    async def usage(self, by: Principal, uid: str) -> Usage:
        """How many unfinished jobs a user has, and how many it may have.

        Raises:
            Forbidden: somebody may not read the jobs of this user.
        """
        require_users(by, Right.READ, [uid])
        quota = self._quotas.of(uid)
        count_max = max(COUNT_MAX, 1 + ((quota and quota.queued_max) or 0))
        use = (await self._store.usage([uid], count_max=count_max))[uid]
        schedules = await self._store.schedules.count(uid, count_max=COUNT_MAX)
        return Usage(uid, use, quota, queued_is_exact=use.queued < count_max, schedules=schedules)

    async def explained(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """The jobs, with the reason where some wait since their users may run no more now."""
        limits = {
            job.uid: most
            for job in jobs
            if _waits(job) and (most := self._quotas.running_max_of(job.uid)) is not None
        }
        if not limits:
            return jobs
        use = await self._store.usage(limits, count_max=max(limits.values()))
        full = {uid for uid, most in limits.items() if use[uid].running >= most}
        return [
            replace(job, hold=FOR_QUOTA) if _waits(job) and job.uid in full else job for job in jobs
        ]

    async def submit(
        self,
        by: Principal,
        submissions: Sequence[JobRequest],
        *,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
        traceparent: str | None = None,
        audit: Sequence[AuditRecord] | None = None,
    ) -> Submitted:
        """Submit jobs as `Service.submit` does, if their users' quotas allow it.

        Raises:
            QuotaExceeded: nothing is stored.
        """
        submit = partial(
            self._service.submit,
            by,
            submissions,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            traceparent=traceparent,
            audit=audit,
        )
        if not (quotas := self._fitting(submissions)):
            return Submitted(await submit(), ())
        # Asked before anything is taken: nobody may use up what others may submit.
        require_users(by, Right.CHANGE, quotas)
        async with self._one_by_one(submissions, idempotency_key):
            with self._counted():
                try:
                    self._take(submissions, quotas)
                except QuotaExceeded:
                    inserted = None
                    if idempotency_key is not None:
                        inserted = await self._service.submitted_before(
                            by,
                            submissions,
                            idempotency_key=idempotency_key,
                            fingerprint=fingerprint,
                        )
                    if inserted is None:
                        raise
                else:
                    inserted = await submit(quotas=queue_limits(quotas))
        return Submitted(inserted, self._standings(submissions, quotas, inserted))

    async def is_repeated(
        self,
        by: Principal,
        submissions: Sequence[JobRequest],
        *,
        idempotency_key: str | None,
        fingerprint: str | None,
    ) -> bool:
        """Whether `submit` answers what it did before, whatever else is to be said of the jobs.

        Raises:
            Forbidden: somebody may not submit for one of the users.
            Conflict: the key was used before, with another fingerprint.
        """
        if idempotency_key is None:
            return False
        before = await self._service.submitted_before(
            by, submissions, idempotency_key=idempotency_key, fingerprint=fingerprint
        )
        return before is not None

    def _fitting(self, submissions: Sequence[JobRequest]) -> Mapping[str, Quota]:
        """The quotas that fit the users of these jobs."""
        if not self._quotas:
            return {}
        uids = dict.fromkeys(each.uid for each in submissions)
        return {uid: quota for uid in uids if (quota := self._quotas.of(uid)) is not None}

    def _one_by_one(
        self, submissions: Sequence[JobRequest], idempotency_key: str | None
    ) -> AbstractAsyncContextManager[None]:
        """Let requests with one key wait for each other.

        Else a repetition that comes before the first is stored is refused for its rate.
        """
        if idempotency_key is None:
            return nullcontext()
        return self._keys.setdefault((submissions[0].uid, idempotency_key), Lock())

    def _take(self, submissions: Sequence[JobRequest], quotas: Mapping[str, Quota]) -> None:
        new = Counter(each.uid for each in submissions)
        self._rates.take(new, quotas, now=self._clock.monotonic())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a refusal."""
        try:
            yield
        except QuotaExceeded as error:
            self._job_events.refused(error.violations[0].policy)
            raise

    def _standings(
        self, submissions: Sequence[JobRequest], quotas: Mapping[str, Quota], inserted: Inserted
    ) -> Sequence[Standing]:
        (uid, quota), *others = quotas.items()
        if others or any(each.uid != uid for each in submissions):
            return ()
        found = []
        if quota.submits_per_s is not None:
            now = self._clock.monotonic()
            found.append(self._rates.standing(uid, quota.submits_per_s, now=now))
        if uid in inserted.queued:
            found.append(queue_standing(uid, quota, inserted.queued[uid]))
        return found


def _waits(job: Job) -> bool:
    """Whether it may run, and waits for a worker."""
    return job.status is Status.QUEUED and job.hold is None
