"""The store with group commit: concurrent calls share a statement, and so a transaction.

A commit waits for the disk, and with fifty jobs it waits no longer than with one. The frequent
calls are grouped: `insert`, `claim` and `settle`. All others are as rare as people's actions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from scheduler.basics.batch import Batch
from scheduler.core.access.audit import AuditRecord
from scheduler.core.errors import Conflict, QuotaExceeded, SchedulerError
from scheduler.core.job import Claim, NewJob, Settlement, Status, WaitingJob
from scheduler.core.ports.store import Inserted
from scheduler.core.quotas.quota import Quota
from scheduler.store.database import Database
from scheduler.store.parts.limiters import GroupedLimiters
from scheduler.store.sql_store import SqlStore

ROWS_MAX: Final = 1000
"""Of one statement, so that none delays the others for long; as many as a bulk request has."""
ROW_BYTES: Final = 4096
"""A row with more text than this counts as several: a thousand large ones would fill memory."""


class _InsertCall(NamedTuple):
    """One call of `insert`."""

    jobs: Sequence[NewJob]
    claimer: str | None
    quotas: Mapping[str, Quota]
    """By uid, those that limit how many jobs are queued."""
    audit: Sequence[AuditRecord]


class _ClaimCall(NamedTuple):
    """One call of `claim`."""

    job_ids: Sequence[str]
    node_id: str
    at: datetime
    limits: tuple[tuple[str, int | None], ...]
    """How many jobs may run, by patterns of users."""
    but_tasks: tuple[str, ...]


class _ClaimLimitedCall(NamedTuple):
    """One call of `claim_limited`."""

    limits: Mapping[WaitingJob, int]
    node_id: str
    at: datetime
    but_tasks: tuple[str, ...]


class GroupedStore(SqlStore):
    """The store; its `services` must run while it is in use."""

    def __init__(self, database: Database, *, on_batch: Callable[[str, int], None]) -> None:
        super().__init__(database)
        self.limiters: GroupedLimiters = GroupedLimiters(database, on_batch=on_batch)
        self._insert = Batch(
            self._insert_all,
            weight=_rows,
            weight_max=ROWS_MAX,
            observe=partial(on_batch, "insert"),
        )
        # Apart: while they wait for the lock of another node, those without a quota go on. And one
        # run at a time, so that they wait with one connection, however many there are.
        self._insert_within_quotas = Batch(
            self._insert_all_within_quotas,
            weight=_rows,
            weight_max=ROWS_MAX,
            observe=partial(on_batch, "insert"),
        )
        self._claim = Batch(
            self._claim_all, weight=_ids, weight_max=ROWS_MAX, observe=partial(on_batch, "claim")
        )
        # Apart, as for `insert`.
        self._claim_limited = Batch(
            self._claim_all_limited,
            weight=_limited,
            weight_max=ROWS_MAX,
            observe=partial(on_batch, "claim"),
        )
        self._settle = Batch(
            self._settle_all,
            weight=_ends,
            weight_max=ROWS_MAX,
            observe=partial(on_batch, "settle"),
        )

    def services(self) -> Mapping[str, Coroutine[None, None, None]]:
        """Its background tasks, by name."""
        return {
            "insert": self._insert.serve(),
            "insert within quotas": self._insert_within_quotas.serve(),
            "claim": self._claim.serve(),
            "claim limited": self._claim_limited.serve(),
            "claim in limiters": self.limiters.serve(),
            "settle": self._settle.serve(),
        }

    async def insert(
        self,
        jobs: Sequence[NewJob],
        *,
        claimer: str | None = None,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
        replacing: Mapping[str, AuditRecord] | None = None,
    ) -> Inserted:
        """See `Store`."""
        if any(new.unique is not None for new in jobs):  # each by a transaction of its own
            return await super().insert(jobs, quotas=quotas, audit=audit, replacing=replacing)
        if not quotas:
            return await self._insert(_InsertCall(jobs, claimer, {}, audit))
        answer = await self._insert_within_quotas(_InsertCall(jobs, claimer, quotas, audit))
        if isinstance(answer, SchedulerError):
            raise answer
        return answer

    async def claim_unlimited(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        running_max: Mapping[str, int | None],
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """See `SqlStore`."""
        limits = tuple(running_max.items())
        return await self._claim(_ClaimCall(job_ids, node_id, at, limits, tuple(but_tasks)))

    async def claim_limited(
        self,
        limits: Mapping[WaitingJob, int],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """See `SqlStore`."""
        return await self._claim_limited(_ClaimLimitedCall(limits, node_id, at, tuple(but_tasks)))

    async def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Status]:
        """See `Store`."""
        return await self._settle(settlements)

    async def _insert_all(self, calls: Sequence[_InsertCall]) -> Sequence[Inserted]:
        if len(calls) == 1:
            (call,) = calls
            return [
                await super().insert(
                    call.jobs, claimer=call.claimer, quotas=call.quotas, audit=call.audit
                )
            ]
        inserted = await self.store_new(
            [(new, call.claimer) for call in calls for new in call.jobs],
            {uid: each for call in calls for uid, each in call.quotas.items()},
            [record for call in calls for record in call.audit],
        )
        if inserted is None:
            raise Conflict("one of these calls conflicts with a stored job")
        jobs, claims = iter(inserted.jobs), {claim.id: claim for claim in inserted.claims}
        return [
            Inserted(
                list(islice(jobs, len(call.jobs))),
                created=True,
                claims=tuple(claims[new.id] for new in call.jobs if new.id in claims),
                queued=inserted.queued,
            )
            for call in calls
        ]

    async def _insert_all_within_quotas(
        self, calls: Sequence[_InsertCall]
    ) -> Sequence[Inserted | SchedulerError]:
        """Insert the jobs of all calls, and alone those of each user who would have too many.

        Else one user at a limit would have all others insert one by one.
        """
        try:
            return await self._insert_all(calls)
        except SchedulerError as error:
            if len(calls) == 1:
                return [error]
            if not isinstance(error, QuotaExceeded):
                raise
            over = {each.uid for each in error.violations}
        within = [call for call in calls if over.isdisjoint(call.quotas)]
        answers = iter(await self._insert_all_within_quotas(within) if within else ())
        return [
            next(answers)
            if over.isdisjoint(call.quotas)
            else (await self._insert_all_within_quotas([call]))[0]
            for call in calls
        ]

    async def _claim_all(self, calls: Sequence[_ClaimCall]) -> Sequence[Sequence[Claim]]:
        """Claim for each node the jobs of its calls; of two calls for one job the first gets it."""
        claimed: dict[tuple[str, str], Claim] = {}
        for of_all in {(call.node_id, call.limits, call.but_tasks) for call in calls}:
            node_id, limits, but_tasks = of_all
            alike = [
                call for call in calls if (call.node_id, call.limits, call.but_tasks) == of_all
            ]
            claims = await super().claim_unlimited(
                [job_id for call in alike for job_id in call.job_ids],
                node_id=node_id,
                at=max(call.at for call in alike),
                running_max=dict(limits),
                but_tasks=but_tasks,
            )
            claimed |= {(node_id, claim.id): claim for claim in claims}
        return [_taken(claimed, call.node_id, call.job_ids) for call in calls]

    async def _claim_all_limited(
        self, calls: Sequence[_ClaimLimitedCall]
    ) -> Sequence[Sequence[Claim]]:
        """Claim for each node the jobs of its calls; of two calls for one job the first gets it."""
        claimed: dict[tuple[str, str], Claim] = {}
        for node_id, but_tasks in {(call.node_id, call.but_tasks) for call in calls}:
            of_node = [
                call for call in calls if (call.node_id, call.but_tasks) == (node_id, but_tasks)
            ]
            claims = await super().claim_limited(
                {job: most for call in of_node for job, most in call.limits.items()},
                node_id=node_id,
                at=max(call.at for call in of_node),
                but_tasks=but_tasks,
            )
            claimed |= {(node_id, claim.id): claim for claim in claims}
        return [_taken(claimed, call.node_id, [job.id for job in call.limits]) for call in calls]

    async def _settle_all(
        self, calls: Sequence[Sequence[Settlement]]
    ) -> Sequence[Mapping[str, Status]]:
        """End all attempts; of two calls for one attempt the first one takes effect."""
        ended = await self.ended([end for ends in calls for end in ends])
        return [
            {
                end.id: status
                for end in ends
                if (status := ended.pop((end.id, end.token), None)) is not None
            }
            for ends in calls
        ]


def _rows(call: _InsertCall) -> int:
    return sum(1 + len(new.data) // ROW_BYTES for new in call.jobs)


def _ids(call: _ClaimCall) -> int:
    return len(call.job_ids)


def _limited(call: _ClaimLimitedCall) -> int:
    return len(call.limits)


def _taken(
    claimed: dict[tuple[str, str], Claim], node_id: str, job_ids: Sequence[str]
) -> Sequence[Claim]:
    """Take a node's claims on some jobs out of those that were made."""
    taken = (claimed.pop((node_id, job_id), None) for job_id in job_ids)
    return [claim for claim in taken if claim is not None]


def _ends(ends: Sequence[Settlement]) -> int:
    return sum(1 + len(end.result or "") // ROW_BYTES for end in ends)
