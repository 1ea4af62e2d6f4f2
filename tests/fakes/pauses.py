"""A `PauseStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import Hold, HoldReason, Job, Status, WaitingJob
from scheduler.core.pause import Pause, PauseKey, PauseKind, keys_of
from scheduler.core.places.labels import lane_of
from scheduler.core.policy import waiting_job
from scheduler.core.ports.pause_store import Put
from tests.fakes.audit import MemoryAudit
from tests.fakes.rows import Row, whole_ms

PAUSED = Hold(HoldReason.PAUSED, None)


class MemoryPauses:
    """A `PauseStore` in a dictionary."""

    def __init__(
        self,
        answer: Callable[[], None],
        audit: MemoryAudit,
        *,
        rows: Mapping[str, Row],
        now: Callable[[], datetime],
    ) -> None:
        """Collaborators.

        Args:
            answer: called first by each method; it raises while the store is away.
            audit: gets what is stored of the calls that have an effect.
            rows: the jobs.
            now: the store's clock.
        """
        self._answer = answer
        self._audit = audit
        self._rows = rows
        self._now = now
        self._pauses: dict[PauseKey, Pause] = {}
        self._ended: set[PauseKey] = set()

    def lasts(self, key: PauseKey) -> bool:
        """Whether what this names is paused now."""
        pause = self._pauses.get(key)
        if pause is None or key in self._ended:
            return False
        return pause.until is None or pause.until > self._now()

    def covers(self, job: Job) -> bool:
        """Whether no attempt of a job may begin."""
        return any(map(self.lasts, keys_of(job)))

    def may_begin(self, row: Row, node: str) -> bool:
        """Whether a job that waits may be claimed by a node; clean-ups always may."""
        paused = self.covers(row.job) or self.lasts(PauseKey(PauseKind.NODE, node))
        return row.job.status is not Status.QUEUED or not paused

    def park(self, row: Row) -> None:
        """Hold a new job that is paused."""
        if row.waits and self.covers(row.job):
            row.change(hold=PAUSED)

    def next_end(self) -> list[datetime]:
        """When pauses end, or have ended."""
        ends = [self._now() if key in self._ended else each.until
                for key, each in self._pauses.items()]  # fmt: skip
        return [at for at in ends if at is not None]

    async def put(
        self,
        key: PauseKey,
        *,
        reason: str | None,
        until: datetime | None,
        by: str | None,
        audit: Sequence[AuditRecord] = (),
    ) -> Put:
        self._answer()
        now, until = whole_ms(self._now()), until and whole_ms(until)
        if until is not None and until <= now:
            return Put(None, changed=False)
        before = self._pauses[key] if self.lasts(key) else None
        if before is not None and (before.reason, before.until) == (reason, until):
            return Put(before, changed=False)
        self._ended.discard(key)
        self._pauses[key] = Pause(
            kind=key.kind,
            name=key.name,
            reason=reason,
            until=until,
            paused_at=now if before is None else before.paused_at,
            by=by,
        )
        self._audit.store(audit)
        return Put(self._pauses[key], changed=True)

    async def end(self, key: PauseKey, *, audit: Sequence[AuditRecord] = ()) -> Pause | None:
        self._answer()
        if not self.lasts(key):
            return None
        self._ended.add(key)
        self._audit.store(audit)
        return self._pauses[key]

    async def page(
        self, *, kind: PauseKind | None = None, after: PauseKey | None = None, limit: int
    ) -> Sequence[Pause]:
        self._answer()
        keys = [key for key in sorted(self._pauses) if self.lasts(key)]
        keys = [key for key in keys if kind in (None, key.kind) and (not after or key > after)]
        return [self._pauses[key] for key in keys[:limit]]

    async def of_node(self, name: str) -> Pause | None:
        self._answer()
        key = PauseKey(PauseKind.NODE, name)
        return self._pauses[key] if self.lasts(key) else None

    async def cleanups(
        self, *, after: WaitingJob | None = None, limit: int
    ) -> Sequence[WaitingJob]:
        self._answer()
        rows = [row for row in self._rows.values() if row.job.cleanup_waits]
        jobs = [waiting_job(row.job) for row in sorted(rows, key=_turn)]
        turn = None if after is None else (after.turn_ms, after.id)
        return [job for job in jobs if turn is None or (job.turn_ms, job.id) > turn][:limit]

    async def hold(self, job_ids: Collection[str], *, ahead_max: int) -> Sequence[WaitingJob]:
        self._answer()
        waiting = sorted(
            (row for row in self._rows.values() if row.waits and row.job.status is Status.QUEUED),
            key=_turn,
        )
        given = [row for row in waiting if row.job.id in job_ids and self.covers(row.job)]
        uid = min((row.job.uid for row in given), default=None)
        lane = min((lane_of(row.job.needs) for row in given if row.job.needs), default=None)
        of_user = [(lane_of(row.job.needs), row) for row in waiting if row.job.uid == uid]
        ahead = [row for its_lane, row in of_user if not its_lane][:ahead_max]
        ahead += [row for its_lane, row in of_user if its_lane == lane][:ahead_max]
        in_limiters = [row for row in self._rows.values() if row.job.uid == uid and _is_held(row)]
        ahead += sorted(in_limiters, key=_turn)[:ahead_max]
        met = {row.job.id: row for row in [*given, *ahead]}.values()
        covered = [row for row in met if self.covers(row.job)]
        for row in covered:
            row.change(hold=PAUSED, revision=row.job.revision + 1)
        return [waiting_job(row.job) for row in sorted(covered, key=lambda row: row.job.id)]

    async def ended(self, *, limit: int) -> Sequence[PauseKey]:
        self._answer()
        return [key for key in sorted(self._pauses) if not self.lasts(key)][:limit]

    async def let_go(self, key: PauseKey, *, limit: int) -> Sequence[WaitingJob]:
        self._answer()
        if key not in self._pauses or self.lasts(key):
            return []
        free = sorted(self._held_by(key), key=_turn)[:limit]
        for row in free:
            row.change(hold=None, revision=row.job.revision + 1)
        return [waiting_job(row.job) for row in free]

    async def forget(self, key: PauseKey) -> bool:
        self._answer()
        if key not in self._pauses or self.lasts(key) or self._held_by(key):
            return False
        del self._pauses[key]
        self._ended.discard(key)
        return True

    def _held_by(self, key: PauseKey) -> list[Row]:
        """The jobs that are held by a pause, and by no other one that lasts."""
        held = (row for row in self._rows.values() if row.job.hold == PAUSED)
        return [row for row in held if key in keys_of(row.job) and not self.covers(row.job)]


def _is_held(row: Row) -> bool:
    """Whether it waits in a limiter."""
    hold, reasons = row.job.hold, {HoldReason.LIMIT, HoldReason.THROTTLE}
    return row.job.status is Status.QUEUED and hold is not None and hold.reason in reasons


def _turn(row: Row) -> tuple[int, str]:
    job = waiting_job(row.job)
    return job.turn_ms, job.id
