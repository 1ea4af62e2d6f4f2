"""The `LimiterStore` port in SQL. `core/ports/limiter_store.py` says what each call promises.

    claim    lock_limiters ─▶ park ─▶ claim ─▶ hold_limiters, space_limiters      one transaction
    let go   lock_known_limiters ─▶ forget_holds ─▶ let_go_of_limiter

With PostgreSQL, whoever waited for the lock of a limiter sees all that its last holder did: each
statement after it looks anew. All take their locks in the order of keys. With SQLite, one write
comes after the other anyway. That a job ended takes no lock, and only makes room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple, TypeVar

from scheduler.basics.batch import Batch
from scheduler.core.job import Claim, WaitingJob
from scheduler.core.limits.limiters import Limiter
from scheduler.core.places.labels import ANYWHERE
from scheduler.core.ports.limiter_store import (
    FreedLimiter,
    HoldingLimiter,
    InLimiters,
    LimiterClaims,
    LimiterJob,
)
from scheduler.core.quotas.quota import Quotas
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step

T = TypeVar("T")

NOBODY_LIMITED: Final = "{}"
"""No limits by users, or no tasks."""
ROWS_MAX: Final = 1000
"""Of one claim, so that none delays the others for long."""


class _ClaimCall(NamedTuple):
    """One call of `claim`."""

    jobs: Sequence[InLimiters]
    node_id: str
    at: datetime
    quotas: Quotas


class SqlLimiters:
    """The limiters, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch
        self._fetch_chain = database.fetch_chain

    async def jobs(
        self, job_ids: Collection[str], *, tasks: Collection[str]
    ) -> Sequence[LimiterJob]:
        """See `LimiterStore`."""
        wanted, named = arguments.keys(job_ids), arguments.keys(tasks)
        return list(map(rows.limiter_job, await self._fetch("limiter_jobs", wanted, named)))

    async def next_jobs(
        self, uid: str, *, lane: str = ANYWHERE, tasks: Collection[str], limit: int, bytes_max: int
    ) -> Sequence[LimiterJob]:
        """See `LimiterStore`."""
        named = arguments.keys(tasks)
        found = await self._fetch("next_limiter_jobs", uid, named, limit, bytes_max, lane or None)
        return list(map(rows.limiter_job, found))

    async def claim(
        self, jobs: Sequence[InLimiters], *, node_id: str, at: datetime, quotas: Quotas
    ) -> LimiterClaims:
        """See `LimiterStore`."""
        most = {
            each.job: running_max
            for each in jobs
            if (running_max := quotas.running_max_of(each.job.uid)) is not None
        }
        users = arguments.limits({job.uid: running_max for job, running_max in most.items()})
        ids = arguments.keys(each.job.id for each in jobs)
        before = arguments.places(arguments.before(each.job for each in jobs))
        asked, now = arguments.asked(jobs), arguments.milliseconds(at)
        limiters = _limiters(jobs)
        steps = [
            *([Step("lock_users", (users,))] if most else ()),
            *([Step("lock_limiters", (arguments.limiters(limiters),))] if limiters else ()),
            Step("park", (asked,), optional=True),
            Step("claim", (before, node_id, now, users, NOBODY_LIMITED), optional=True),
            Step("hold_limiters", (asked, node_id, now), optional=True),
            Step("space_limiters", (asked, node_id, now), optional=True),
            Step("leave_limiters", (ids,), optional=True),
            Step("note_openings", (arguments.keys(limiters),), optional=True),
        ]
        answers = dict(zip((step.name for step in steps), await self._run(steps), strict=True))
        held = _waiting(answers["park"])
        return LimiterClaims([rows.claim(row) for row in answers["claim"]], held)

    async def hold(self, jobs: Sequence[InLimiters]) -> Sequence[WaitingJob]:
        """See `LimiterStore`."""
        if not (limiters := _limiters(jobs)):
            return ()
        _, held, _ = await self._run(
            [
                Step("lock_limiters", (arguments.limiters(limiters),)),
                Step("park", (arguments.asked(jobs),), optional=True),
                Step("note_openings", (arguments.keys(limiters),), optional=True),
            ]
        )
        return _waiting(held)

    async def _run(self, steps: Sequence[Step]) -> Sequence[Sequence[Row]]:
        return await self._fetch_chain(steps)

    async def freed(self, *, limit: int) -> Sequence[FreedLimiter]:
        """See `LimiterStore`."""
        found = await self._fetch("freed_limiters", limit)
        return [FreedLimiter(row["key"], bool(row["holds"])) for row in found]

    async def holding(
        self, *, after: str, rules: Mapping[str, Limiter], limit: int
    ) -> tuple[Sequence[HoldingLimiter], str | None]:
        """See `LimiterStore`."""
        found = await self._fetch("holding_limiters", after, arguments.limiters(rules), limit)
        limiters = [HoldingLimiter(row["key"], bool(row["has_room"])) for row in found]
        return limiters, found[-1]["key"] if len(found) == limit else None

    async def let_go(
        self, key: str, *, rules: Mapping[str, Limiter], limit: int
    ) -> Sequence[WaitingJob]:
        """See `LimiterStore`."""
        keys = arguments.keys([key])
        locked, *answers = await self._fetch_chain(
            [
                Step("lock_known_limiters", (keys, arguments.limiters(rules))),
                Step("forget_holds", (keys,), optional=True),
                Step("let_go_of_limiter", (key, limit), optional=True),
                Step("note_openings", (keys,), optional=True),
            ]
        )
        return _waiting(answers[1]) if locked else ()

    async def let_go_before(self, *, limit: int) -> Sequence[WaitingJob]:
        """See `LimiterStore`."""
        return _waiting(await self._fetch("let_go_before", limit))

    async def give_way(self, job_ids: Collection[str], *, limit: int) -> Sequence[WaitingJob]:
        """See `LimiterStore`."""
        return _waiting(await self._fetch("give_way", arguments.keys(job_ids), limit))

    async def next_opening_s(self) -> float | None:
        """See `LimiterStore`."""
        found = await self._fetch("next_opening")
        return found[0]["opens_ms"] / 1000 if found else None

    async def forget_holds(self, keys: Collection[str]) -> None:
        """See `LimiterStore`."""
        named = arguments.keys(keys)
        await self._fetch_chain(
            [
                Step("lock_known_limiters", (named, NOBODY_LIMITED)),
                Step("forget_holds", (named,)),
            ]
        )

    async def close(self, limiter: Limiter, *, after_s: float) -> bool:
        """See `LimiterStore`."""
        after_us = round(after_s * 1_000_000)
        closed = await self._fetch(
            "close_limiter",
            limiter.key,
            limiter.rule,
            limiter.interval_us,
            limiter.slack_us,
            after_us,
        )
        return bool(closed)

    async def forget(self, *, idle_s: float, limit: int) -> int:
        """See `LimiterStore`."""
        return len(await self._fetch("forget_limiters", round(idle_s * 1000), limit))


class GroupedLimiters(SqlLimiters):
    """The limiters with group commit: claims of one node share a transaction; `serve` must run."""

    def __init__(self, database: Database, *, on_batch: Callable[[str, int], None]) -> None:
        super().__init__(database)
        # Apart from all other claims: those do not wait for the lock of a limiter.
        self._claim = Batch(
            self._claim_all,
            weight=_weight,
            weight_max=ROWS_MAX,
            observe=partial(on_batch, "claim"),
        )

    def serve(self) -> Coroutine[None, None, None]:
        """Its background task."""
        return self._claim.serve()

    async def claim(
        self, jobs: Sequence[InLimiters], *, node_id: str, at: datetime, quotas: Quotas
    ) -> LimiterClaims:
        """See `LimiterStore`."""
        return await self._claim(_ClaimCall(jobs, node_id, at, quotas))

    async def _claim_all(self, calls: Sequence[_ClaimCall]) -> Sequence[LimiterClaims]:
        """Claim for each node the jobs of its calls; of two calls for one job the first gets it."""
        claimed: dict[tuple[str, str], Claim] = {}
        held: dict[tuple[str, str], WaitingJob] = {}
        for node_id in {call.node_id for call in calls}:
            of_node = [call for call in calls if call.node_id == node_id]
            jobs = {each.job.id: each for call in of_node for each in call.jobs}
            found = await super().claim(
                list(jobs.values()),
                node_id=node_id,
                at=max(call.at for call in of_node),
                quotas=of_node[0].quotas,
            )
            claimed |= {(node_id, claim.id): claim for claim in found.claims}
            held |= {(node_id, job.id): job for job in found.held}
        return [
            LimiterClaims(
                _taken(claimed, call.node_id, call.jobs), _taken(held, call.node_id, call.jobs)
            )
            for call in calls
        ]


def _taken(
    found: dict[tuple[str, str], T], node_id: str, jobs: Iterable[InLimiters]
) -> Sequence[T]:
    """Take what was found for some jobs out of all of it."""
    taken = (found.pop((node_id, each.job.id), None) for each in jobs)
    return [each for each in taken if each is not None]


def _limiters(jobs: Iterable[InLimiters]) -> Mapping[str, Limiter]:
    return {limiter.key: limiter for each in jobs for limiter in each.limiters}


def _weight(call: _ClaimCall) -> int:
    return sum(1 + len(each.limiters) for each in call.jobs)


def _waiting(found: Sequence[Row]) -> Sequence[WaitingJob]:
    return [
        rows.waiting_job(row) for row in sorted(found, key=lambda row: (row["turn_at"], row["id"]))
    ]
