"""A `LaneStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scheduler.core.job import Claim, Hold, HoldReason, Job, Status, WaitingJob
from scheduler.core.limits.lanes import Lane
from scheduler.core.policy import waiting_job
from scheduler.core.ports.lane_store import FreedLane, InLanes, LaneClaims, LaneJob
from scheduler.core.quotas.quota import Quotas
from tests.fakes.rows import Row

if TYPE_CHECKING:
    from tests.fakes.store import MemoryStore

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class MemoryLanes:
    """A `LaneStore` in a dictionary."""

    def __init__(self, answer: Callable[[], None], store: MemoryStore) -> None:
        """Collaborators.

        Args:
            answer: called first by each method; it raises while the store is away.
            store: has the jobs, and claims them.
        """
        self._answer = answer
        self._store = store
        self._rows: MutableMapping[str, Row] = store.rows
        self.lanes: dict[str, Lane] = {}
        self.tats: dict[str, int] = {}
        """By the key of a throttle, when its next start is due, in microseconds since 1970; by that
        of a limit, when it was asked for last."""
        self.holds: set[tuple[str, str]] = set()
        """Keys of limits, with the jobs that may hold them."""
        self.lane_of: dict[str, str] = {}
        """By job, the lane that held it last, until it begins or leaves."""

    def _now(self) -> int:
        return (self._store.now() - EPOCH) // MICROSECOND

    async def jobs(self, job_ids: Collection[str], *, tasks: Collection[str]) -> Sequence[LaneJob]:
        self._answer()
        found = (self._rows[job_id].job for job_id in sorted(job_ids) if job_id in self._rows)
        return [_lane_job(job) for job in found if _waits(job) and job.task in tasks]

    async def next_jobs(
        self, uid: str, *, tasks: Collection[str], limit: int, bytes_max: int
    ) -> Sequence[LaneJob]:
        self._answer()
        ids = [job.id for job in await self._store.waiting_of(uid, limit=limit)]
        jobs = (self._rows[job_id].job for job_id in ids)
        return [
            _lane_job(job)
            for job in jobs
            if _waits(job) and job.task in tasks and len(job.data) <= bytes_max
        ]

    async def claim(
        self, jobs: Sequence[InLanes], *, node_id: str, at: datetime, quotas: Quotas
    ) -> LaneClaims:
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
            self.lane_of.pop(each.job.id, None)
            for lane in each.lanes if found.claims else ():
                self._begin(lane, each.job.id)
        return LaneClaims(claims, held)

    def _begin(self, lane: Lane, job_id: str) -> None:
        if lane.interval_us is None:
            self.holds.add((lane.key, job_id))
        else:
            tat = max(self.tats.get(lane.key, 0), self._now())
            self.tats[lane.key] = tat + lane.interval_us

    async def hold(self, jobs: Sequence[InLanes]) -> Sequence[WaitingJob]:
        self._answer()
        self.lanes |= {lane.key: lane for each in jobs for lane in each.lanes}
        room = {lane.key: self._room(lane.key) for each in jobs for lane in each.lanes}
        self.tats |= {key: self._now() for key in room if self.lanes[key].jobs_max is not None}
        held = list[tuple[Row, str]]()
        for each in sorted(jobs, key=lambda each: (each.job.turn_ms, each.job.id)):
            row = self._rows.get(each.job.id)
            if row is None or not _waits(row.job):
                continue
            full = [lane.key for lane in each.lanes if self._is_full(lane.key, room, each.job)]
            if full:
                held.append((row, min(full)))
            for lane in each.lanes:
                room[lane.key] -= 1
        for row, key in held:
            self._hold(row, key)
        return [waiting_job(row.job) for row, _ in held]

    def _is_full(self, key: str, room: Mapping[str, int], job: WaitingJob) -> bool:
        turn = (job.turn_ms, job.id)
        ahead = any((each.turn_ms, each.id) < turn for each in map(waiting_job, self._held_by(key)))
        return room[key] <= 0 or ahead

    def _hold(self, row: Row, key: str) -> None:
        lane = self.lanes[key]
        self.lane_of[row.job.id] = key
        hold = Hold(HoldReason.LIMIT, None)
        if lane.interval_us is not None:
            opens_us = max(self.tats.get(key, 0), self._now()) - lane.slack_us
            until = opens_us + self._room(key) * lane.interval_us
            hold = Hold(HoldReason.THROTTLE, EPOCH + -(-until // 1000) * 1000 * MICROSECOND)
        row.change(hold=hold, revision=row.job.revision + 1)

    def _room(self, key: str) -> int:
        lane, now = self.lanes[key], self._now()
        if lane.jobs_max is not None:
            held = (job_id for each, job_id in self.holds if each == key)
            return lane.jobs_max - sum(self._is_held(job_id) for job_id in held)
        tat = self.tats.get(key, 0)
        if lane.interval_us is None or tat - lane.slack_us > now:
            return 0
        return 1 + (now + lane.slack_us - max(tat, now)) // lane.interval_us

    def _is_held(self, job_id: str) -> bool:
        row = self._rows.get(job_id)
        running = row is not None and row.job.status is Status.RUNNING
        return row is not None and (running or row.job.owner is not None or row.cleaning)

    def _held_by(self, key: str) -> Sequence[Job]:
        rows = (self._rows[job_id] for job_id, lane in self.lane_of.items() if lane == key)
        reasons = {HoldReason.LIMIT, HoldReason.THROTTLE}
        return [
            row.job
            for row in rows
            if row.job.status is Status.QUEUED and row.job.hold and row.job.hold.reason in reasons
        ]

    def _let_go_before(self, key: str) -> int:
        """How many jobs were let go that have not begun."""
        ids = [job_id for job_id, lane in self.lane_of.items() if lane == key]
        return sum(_waits(self._rows[job_id].job) for job_id in ids if job_id in self._rows)

    async def freed(self, *, limit: int) -> Sequence[FreedLane]:
        self._answer()
        left = {key for key, job_id in self.holds if not self._is_held(job_id)}
        throttles = {key for key, lane in self.lanes.items() if lane.interval_us is not None}
        opening = {key for key in throttles if self._held_by(key) and self._opens(key) <= 0}
        return [FreedLane(key, bool(self._held_by(key))) for key in sorted(left | opening)[:limit]]

    def _opens(self, key: str) -> int:
        """In how many microseconds a throttle opens for the next job."""
        lane, now = self.lanes[key], self._now()
        opens = max(self.tats.get(key, 0), now) - lane.slack_us
        return opens + self._let_go_before(key) * (lane.interval_us or 0) - now

    async def with_room(
        self, *, after: str, rules: Mapping[str, Lane], limit: int
    ) -> tuple[Sequence[str], str | None]:
        self._answer()
        self._know(rules)
        keys = sorted(key for key in self.lanes if key > after and self._held_by(key))[:limit]
        free = [key for key in keys if self._room(key) > self._let_go_before(key)]
        return free, keys[-1] if len(keys) == limit else None

    def _know(self, rules: Mapping[str, Lane]) -> None:
        self.lanes = {
            key: rules[lane.rule]._replace(key=key) if lane.rule in rules else lane
            for key, lane in self.lanes.items()
        }

    async def let_go(
        self, key: str, *, rules: Mapping[str, Lane], limit: int
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

    async def next_opening_s(self) -> float | None:
        self._answer()
        throttles = [key for key, lane in self.lanes.items() if lane.interval_us is not None]
        opens = [self._opens(key) for key in throttles if self._held_by(key)]
        return min(opens) / 1_000_000 if opens else None

    async def forget_holds(self, keys: Collection[str]) -> None:
        self._answer()
        self.holds = {
            (key, job_id) for key, job_id in self.holds if key not in keys or self._is_held(job_id)
        }

    async def close(self, lane: Lane, *, after_s: float) -> bool:
        self._answer()
        self.lanes.setdefault(lane.key, lane)
        tat = self._now() + round(after_s * 1_000_000) + lane.slack_us
        closes = tat > self.tats.get(lane.key, 0)
        if closes:
            self.tats[lane.key] = tat
        return closes

    async def forget(self, *, idle_s: float, limit: int) -> int:
        self._answer()
        before = self._now() - round(idle_s * 1_000_000)
        used = {key for key, _ in self.holds}
        idle = [
            key
            for key in self.lanes
            if self.tats.get(key, 0) < before and key not in used and not self._held_by(key)
        ][:limit]
        for key in idle:
            del self.lanes[key]
            self.tats.pop(key, None)
        return len(idle)


def _waits(job: Job) -> bool:
    return job.status is Status.QUEUED and job.hold is None


def _lane_job(job: Job) -> LaneJob:
    return LaneJob(waiting_job(job), job.task, job.data)
