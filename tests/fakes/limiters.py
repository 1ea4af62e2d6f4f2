"""A `LimiterStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scheduler.core.job import Claim, Hold, HoldReason, Job, Status, WaitingJob
from scheduler.core.limits.limiters import Limiter
from scheduler.core.places.labels import ANYWHERE
from scheduler.core.policy import waiting_job
from scheduler.core.ports.limiter_store import (
    FreedLimiter,
    HoldingLimiter,
    InLimiters,
    LimiterClaims,
    LimiterJob,
)
from scheduler.core.quotas.quota import Quotas
from tests.fakes.rows import Row

if TYPE_CHECKING:
    from tests.fakes.store import MemoryStore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class MemoryLimiters:
    """A `LimiterStore` in a dictionary."""

    def __init__(self, answer: Callable[[], None], store: MemoryStore) -> None:
        """Collaborators.

        Args:
            answer: called first by each method; it raises while the store is away.
            store: has the jobs, and claims them.
        """
        self._answer = answer
        self._store = store
        self._rows: MutableMapping[str, Row] = store.rows
        self.limiters: dict[str, Limiter] = {}
        self.tats: dict[str, int] = {}
        """By the key of a throttle, when its next start is due, in microseconds since 1970; by that
        of a limit, when it was asked for last."""
        self.holds: set[tuple[str, str]] = set()
        """Keys of limits, with the jobs that may hold them."""
        self.limiter_of: dict[str, str] = {}
        """By job, the limiter that held it last, until it begins or leaves."""

    def _now(self) -> int:
        return (self._store.now() - EPOCH) // MICROSECOND

    async def jobs(
        self, job_ids: Collection[str], *, tasks: Collection[str]
    ) -> Sequence[LimiterJob]:
        self._answer()
        found = (self._rows[job_id].job for job_id in sorted(job_ids) if job_id in self._rows)
        return [_limiter_job(job) for job in found if _waits(job) and job.task in tasks]

    async def next_jobs(
        self, uid: str, *, lane: str = ANYWHERE, tasks: Collection[str], limit: int, bytes_max: int
    ) -> Sequence[LimiterJob]:
        self._answer()
        ids = [job.id for job in await self._store.waiting_of(uid, lane=lane, limit=limit)]
        jobs = (self._rows[job_id].job for job_id in ids)
        return [
            _limiter_job(job)
            for job in jobs
            if _waits(job) and job.task in tasks and len(job.data) <= bytes_max
        ]

    async def claim(
        self, jobs: Sequence[InLimiters], *, node_id: str, at: datetime, quotas: Quotas
    ) -> LimiterClaims:
        self._answer()
        held = await self.hold(jobs)
        claims = list[Claim]()
        for each in sorted(jobs, key=lambda each: (each.job.turn_ms, each.job.id)):
            row = self._rows.get(each.job.id)
            if row is None or not _waits(row.job):
                continue
            found = await self._store.claim_within(
                [each.job.id], node_id=node_id, at=at, quotas=quotas
            )
            claims += found.claims
            self.limiter_of.pop(each.job.id, None)
            for limiter in each.limiters if found.claims else ():
                self._begin(limiter, each.job.id)
        return LimiterClaims(claims, held)

    def _begin(self, limiter: Limiter, job_id: str) -> None:
        if limiter.interval_us is None:
            self.holds.add((limiter.key, job_id))
        else:
            tat = max(self.tats.get(limiter.key, 0), self._now())
            self.tats[limiter.key] = tat + limiter.interval_us

    def _catch_up(self, before: Limiter, now: Limiter) -> None:
        """Where a throttle lets more begin, its starts count as if they had begun by that."""
        tat, at = self.tats.get(now.key, 0), self._now()
        if before.interval_us is None or now.interval_us is None or tat <= at:
            return
        is_closed = tat - at > before.slack_us + before.interval_us
        if now.interval_us < before.interval_us and not is_closed:
            self.tats[now.key] = at + (tat - at) * now.interval_us // before.interval_us

    async def hold(self, jobs: Sequence[InLimiters]) -> Sequence[WaitingJob]:
        self._answer()
        for limiter in (limiter for each in jobs for limiter in each.limiters):
            self._catch_up(self.limiters.get(limiter.key, limiter), limiter)
            self.limiters[limiter.key] = limiter
        room = {limiter.key: self._room(limiter.key) for each in jobs for limiter in each.limiters}
        self.tats |= {key: self._now() for key in room if self.limiters[key].jobs_max is not None}
        held = list[tuple[Row, str]]()
        for each in sorted(jobs, key=lambda each: (each.job.turn_ms, each.job.id)):
            row = self._rows.get(each.job.id)
            if row is None or not _waits(row.job):
                continue
            full = [
                limiter.key
                for limiter in each.limiters
                if self._is_full(limiter.key, room, each.job)
            ]
            if full:
                held.append((row, min(full)))
            for limiter in each.limiters:
                room[limiter.key] -= 1
        for row, key in held:
            self._hold(row, key)
        return [waiting_job(row.job) for row, _ in held]

    def _is_full(self, key: str, room: Mapping[str, int], job: WaitingJob) -> bool:
        turn = (job.turn_ms, job.id)
        ahead = any((each.turn_ms, each.id) < turn for each in map(waiting_job, self._held_by(key)))
        return room[key] <= 0 or ahead

    def _hold(self, row: Row, key: str) -> None:
        limiter = self.limiters[key]
        self.limiter_of[row.job.id] = key
        hold = Hold(HoldReason.LIMIT, None)
        if limiter.interval_us is not None:
            opens_us = max(self.tats.get(key, 0), self._now()) - limiter.slack_us
            until = opens_us + self._room(key) * limiter.interval_us
            hold = Hold(HoldReason.THROTTLE, EPOCH + -(-until // 1000) * 1000 * MICROSECOND)
        row.change(hold=hold, revision=row.job.revision + 1)

    def _room(self, key: str) -> int:
        limiter, now = self.limiters[key], self._now()
        if limiter.jobs_max is not None:
            held = (job_id for each, job_id in self.holds if each == key)
            return limiter.jobs_max - sum(self._is_held(job_id) for job_id in held)
        tat = self.tats.get(key, 0)
        if limiter.interval_us is None or tat - limiter.slack_us > now:
            return 0
        return 1 + (now + limiter.slack_us - max(tat, now)) // limiter.interval_us

    def _is_held(self, job_id: str) -> bool:
        row = self._rows.get(job_id)
        running = row is not None and row.job.status is Status.RUNNING
        return row is not None and (running or row.job.owner is not None or row.cleaning)

    def _may_hold(self, job_id: str) -> bool:
        """Also one that is queued again: where it is aborted now, its clean-up holds its keys."""
        row = self._rows.get(job_id)
        if row is None or self._is_held(job_id):
            return row is not None
        return row.undoable and row.job.status is Status.QUEUED and row.job.attempt > 0

    def _held_by(self, key: str) -> Sequence[Job]:
        rows = (self._rows[job_id] for job_id, limiter in self.limiter_of.items() if limiter == key)
        reasons = {HoldReason.LIMIT, HoldReason.THROTTLE}
        return [
            row.job
            for row in rows
            if row.job.status is Status.QUEUED and row.job.hold and row.job.hold.reason in reasons
        ]

    def _let_go_before(self, key: str) -> int:
        """How many jobs were let go that have not begun."""
        ids = [job_id for job_id, limiter in self.limiter_of.items() if limiter == key]
        return sum(_waits(self._rows[job_id].job) for job_id in ids if job_id in self._rows)

    async def freed(self, *, limit: int) -> Sequence[FreedLimiter]:
        self._answer()
        left = {key for key, job_id in self.holds if not self._may_hold(job_id)}
        throttles = {
            key for key, limiter in self.limiters.items() if limiter.interval_us is not None
        }
        opening = {key for key in throttles if self._held_by(key) and self._opens(key) <= 0}
        return [
            FreedLimiter(key, bool(self._held_by(key))) for key in sorted(left | opening)[:limit]
        ]

    def _opens(self, key: str) -> int:
        """In how many microseconds a throttle opens for the next job."""
        limiter, now = self.limiters[key], self._now()
        opens = max(self.tats.get(key, 0), now) - limiter.slack_us
        return opens + self._let_go_before(key) * (limiter.interval_us or 0) - now

    async def holding(
        self, *, after: str, rules: Mapping[str, Limiter], limit: int
    ) -> tuple[Sequence[HoldingLimiter], str | None]:
        self._answer()
        self._know(rules)
        keys = sorted(key for key in self.limiters if key > after and self._held_by(key))[:limit]
        found = [HoldingLimiter(key, self._room(key) > self._let_go_before(key)) for key in keys]
        return found, keys[-1] if len(keys) == limit else None

    def _know(self, rules: Mapping[str, Limiter]) -> None:
        for key, limiter in self.limiters.items():
            self._catch_up(limiter, rules.get(limiter.rule, limiter)._replace(key=key))
        self.limiters = {
            key: rules[limiter.rule]._replace(key=key) if limiter.rule in rules else limiter
            for key, limiter in self.limiters.items()
        }

    async def let_go(
        self, key: str, *, rules: Mapping[str, Limiter], limit: int
    ) -> Sequence[WaitingJob]:
        self._answer()
        self._know(rules)
        await self.forget_holds([key])
        held = sorted(map(waiting_job, self._held_by(key)), key=lambda job: (job.turn_ms, job.id))
        free = held[: max(0, min(limit, self._room(key) - self._let_go_before(key)))]
        for job in free:
            row = self._rows[job.id]
            row.change(hold=None, revision=row.job.revision + 1)
        return free

    async def let_go_before(self, *, limit: int) -> Sequence[WaitingJob]:
        self._answer()
        jobs = [self._rows[job_id].job for job_id in self.limiter_of if job_id in self._rows]
        return [waiting_job(job) for job in jobs if _waits(job)][:limit]

    async def give_way(self, job_ids: Collection[str], *, limit: int) -> Sequence[WaitingJob]:
        self._answer()
        given = await self.let_go_before(limit=len(self._rows))
        stuck = [each for each in given if each.id in job_ids]
        gone = dict[str, WaitingJob]()
        for each in stuck:
            held = list(map(waiting_job, self._held_by(self.limiter_of[each.id])))
            alike = [job for job in held if (job.uid, job.lane) == (each.uid, each.lane)]
            if len(alike) < len(held):
                gone |= {job.id: job for job in (each, *alike[:limit])}
        for job_id in gone:
            row = self._rows[job_id]
            row.change(hold=None, revision=row.job.revision + 1)
            self.limiter_of.pop(job_id)
        return list(gone.values())

    async def next_opening_s(self) -> float | None:
        self._answer()
        throttles = [
            key for key, limiter in self.limiters.items() if limiter.interval_us is not None
        ]
        opens = [self._opens(key) for key in throttles if self._held_by(key)]
        return min(opens) / 1_000_000 if opens else None

    async def forget_holds(self, keys: Collection[str]) -> None:
        self._answer()
        self.holds = {
            (key, job_id) for key, job_id in self.holds if key not in keys or self._may_hold(job_id)
        }

    async def close(self, limiter: Limiter, *, after_s: float) -> bool:
        self._answer()
        self.limiters.setdefault(limiter.key, limiter)
        tat = self._now() + round(after_s * 1_000_000) + limiter.slack_us
        closes = tat > self.tats.get(limiter.key, 0)
        if closes:
            self.tats[limiter.key] = tat
        return closes

    async def forget(self, *, idle_s: float, limit: int) -> int:
        self._answer()
        before = self._now() - round(idle_s * 1_000_000)
        used = {key for key, _ in self.holds}
        idle = [
            key
            for key in self.limiters
            if self.tats.get(key, 0) < before and key not in used and not self._held_by(key)
        ][:limit]
        for key in idle:
            del self.limiters[key]
            self.tats.pop(key, None)
        return len(idle)


def _waits(job: Job) -> bool:
    return job.status is Status.QUEUED and job.hold is None


def _limiter_job(job: Job) -> LimiterJob:
    return LimiterJob(waiting_job(job), job.task, job.data)
