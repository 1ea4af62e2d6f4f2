"""A `ScheduleStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice, takewhile

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import Hold, HoldReason, Job, LetGo, NewJob, Status, WaitingJob
from scheduler.core.pause import PauseKey, PauseKind
from scheduler.core.ports.schedule_store import Firing, Made, Standing, Upcoming
from scheduler.core.quotas.quota import Quota, schedules_excess
from scheduler.core.schedules.firing import Unfinished
from scheduler.core.schedules.schedule import HISTORY_KEPT, Occurrence, Schedule, ScheduleKey
from tests.fakes.audit import MemoryAudit
from tests.fakes.pauses import MemoryPauses
from tests.fakes.rows import Row, let_go, new_row

WAITING = {HoldReason.OVERLAP, HoldReason.REPLACE}


class MemorySchedules:
    """A `ScheduleStore` in a dictionary."""

    def __init__(
        self,
        answer: Callable[[], None],
        audit: MemoryAudit,
        pauses: MemoryPauses,
        *,
        rows: dict[str, Row],
        now: Callable[[], datetime],
        fit: Callable[[Sequence[NewJob], Mapping[str, Quota]], None],
    ) -> None:
        """Collaborators.

        Args:
            answer: called first by each method; it raises while the store is away.
            audit: gets what is stored of the calls that have an effect.
            pauses: say what is paused.
            rows: the jobs.
            now: the store's clock.
            fit: raises where a quota allows no further jobs.
        """
        self._answer = answer
        self._audit = audit
        self._pauses = pauses
        self._rows = rows
        self._now = now
        self._fit = fit
        self._schedules: dict[ScheduleKey, Schedule] = {}
        self._occurrences: dict[str, dict[datetime, Occurrence]] = {}

    async def put(
        self,
        schedule: Schedule,
        *,
        revision: int | None,
        quota: Quota | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Schedule | None:
        self._answer()
        there = self._schedules.get(schedule.key)
        uid = schedule.key.uid
        most = None if quota is None else quota.schedules_max
        others = [key for key in self._schedules if key.uid == uid and key != schedule.key]
        if revision is None and quota is not None and most is not None and len(others) >= most:
            raise schedules_excess(uid, quota, self._count(uid))
        if revision != (there and there.revision):
            return None
        kept = {} if there is None else {"id": there.id, "created_at": there.created_at}
        stored = replace(schedule, **kept, revision=(revision or 0) + 1)  # type: ignore[arg-type]
        self._schedules[schedule.key] = stored
        self._audit.store(audit)
        return stored

    async def count(self, uid: str, *, count_max: int) -> int:
        self._answer()
        return min(self._count(uid), count_max)

    def _count(self, uid: str) -> int:
        return len([key for key in self._schedules if key.uid == uid])

    async def delete(
        self, key: ScheduleKey, *, audit: Sequence[AuditRecord] = ()
    ) -> Schedule | None:
        self._answer()
        deleted = self._schedules.pop(key, None)
        if deleted is not None:
            self._occurrences.pop(deleted.id, None)
            self._audit.store(audit)
        return deleted

    async def standing(self, key: ScheduleKey) -> Standing:
        self._answer()
        return self._standing(key)

    def _standing(self, key: ScheduleKey) -> Standing:
        schedule, jobs = self._schedules.get(key), self._unfinished(key)
        named = [] if schedule is None else [
            PauseKey(PauseKind.TASK, schedule.plan.task), PauseKey(PauseKind.UID, key.uid)
        ]  # fmt: skip
        return Standing(
            now=_whole(self._now()),
            schedule=schedule,
            unfinished=Unfinished(len(jobs), len([job for job in jobs if _waits(job)])),
            paused=any(map(self._pauses.lasts, named)),
        )

    def _unfinished(self, key: ScheduleKey) -> list[Job]:
        jobs = (row.job for row in self._rows.values())
        return [
            job for job in jobs if (job.uid, job.schedule) == (key.uid, key.name) and not job.over
        ]

    async def page(
        self, uid: str | None, *, after: ScheduleKey | None = None, limit: int
    ) -> Sequence[Schedule]:
        self._answer()
        keys = [key for key in sorted(self._schedules) if uid in (None, key.uid)]
        return [self._schedules[key] for key in keys if after is None or key > after][:limit]

    async def recent(self, schedule: Schedule, *, limit: int) -> Sequence[Occurrence]:
        self._answer()
        found = self._occurrences.get(schedule.id, {})
        return [self._told(found[at]) for at in sorted(found, reverse=True)][:limit]

    def _told(self, occurrence: Occurrence) -> Occurrence:
        row = self._rows.get(occurrence.job_id or "")
        return replace(occurrence, job_status=None if row is None else row.job.status)

    async def occurred(
        self, schedule: Schedule, times: Collection[datetime]
    ) -> Collection[datetime]:
        self._answer()
        return [at for at in times if self._handled(schedule, at)]

    def _handled(self, schedule: Schedule, at: datetime) -> bool:
        made = {
            row.job.scheduled_for
            for row in self._rows.values()
            if (row.job.uid, row.job.schedule) == schedule.key
        }
        history = self._occurrences.get(schedule.id, {})
        return at in made or (at in history and history[at].job_id is not None)

    async def upcoming(self) -> Upcoming:
        self._answer()
        due = [each.next_at for each in self._schedules.values() if each.next_at is not None]
        return Upcoming(
            (min(due) - _whole(self._now())).total_seconds() if due else None,
            any(_waits(row.job) for row in self._rows.values()),
        )

    async def due(self, *, limit: int) -> Sequence[Standing]:
        self._answer()
        now = _whole(self._now())
        due = sorted(
            (each.next_at, key)
            for key, each in self._schedules.items()
            if each.next_at is not None and each.next_at <= now
        )
        return [self._standing(key) for _, key in due[:limit]]

    async def fire(
        self,
        firing: Firing,
        *,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Sequence[Job] | None:
        self._answer()
        key = firing.schedule.key
        there = self._schedules.get(key)
        if firing.made:
            self._fit([each.job for each in firing.made], quotas or {})
        if there is None or there.revision != firing.schedule.revision:
            return None
        self._schedules[key] = replace(
            there,
            plan=replace(there.plan, remaining=firing.remaining),
            cursor=firing.cursor,
            next_at=firing.next_at,
            revision=there.revision + 1,
        )
        if self._made_before(there, firing.made):
            return []
        history = self._occurrences.setdefault(there.id, {})
        for each in firing.occurrences:
            if each.scheduled_for not in history or history[each.scheduled_for].job_id is None:
                history[each.scheduled_for] = each
        for at in sorted(history)[:-HISTORY_KEPT]:
            del history[at]
        for made in firing.made:
            self._make(made, key.name)
        self._audit.store(audit if firing.made else ())
        return [self._rows[each.job.id].job for each in firing.made]

    def _made_before(self, schedule: Schedule, made: Sequence[Made]) -> bool:
        """Whether an occurrence has a job, or an idempotency key has another one."""
        keys = {(row.job.uid, row.key) for row in self._rows.values() if row.key is not None}
        return any(
            self._handled(schedule, each.scheduled_for)
            or (each.job.uid, each.job.idempotency_key) in keys
            for each in made
        )

    def _make(self, made: Made, name: str) -> None:
        self._rows[made.job.id] = row = new_row(made.job, self._now())
        self._pauses.park(row)
        row.change(schedule=name, scheduled_for=made.scheduled_for)
        if made.held is not None:
            row.change(hold=Hold(made.held, None), eligible_at=None)

    async def pause(self, schedule: Schedule, *, note: str) -> bool:
        self._answer()
        there = self._schedules.get(schedule.key)
        if there is None or there.revision != schedule.revision:
            return False
        plan = replace(there.plan, paused=True, note=note)
        self._schedules[schedule.key] = replace(
            there, plan=plan, next_at=None, revision=there.revision + 1
        )
        return True

    async def failures_in_a_row(self, schedule: Schedule, *, count_max: int) -> int:
        self._answer()
        ended = [
            (row.job.scheduled_for, row.job.status)
            for row in self._rows.values()
            if (row.job.uid, row.job.schedule) == schedule.key
            and row.job.status in {Status.SUCCESSFUL, Status.TERMINATED}
            and row.job.scheduled_for is not None
            and row.job.scheduled_for >= schedule.changed_at
        ]
        newest_first = (status for _, status in sorted(ended, reverse=True))
        failed = takewhile(lambda status: status is Status.TERMINATED, newest_first)
        return len(list(islice(failed, count_max)))

    async def let_go(self, *, limit: int) -> LetGo:
        self._answer()
        freed: list[Row] = []
        for key in sorted({(row.job.uid, row.job.schedule or "") for row in self._rows.values()}):
            jobs = self._unfinished(ScheduleKey(*key))
            waiting = sorted(filter(_waits, jobs), key=_turn)
            if waiting and len(waiting) == len(jobs) and len(freed) < limit:
                row = self._rows[waiting[0].id]
                row.let_go(self._now())
                freed.append(row)
        return let_go(freed)

    async def replaced(self, *, limit: int) -> Sequence[WaitingJob]:
        self._answer()
        found: dict[str, WaitingJob] = {}
        for row in self._rows.values():
            new = row.job
            if not _waits(new) or new.hold is None or new.hold.reason != HoldReason.REPLACE:
                continue
            for old in self._unfinished(ScheduleKey(new.uid, new.schedule or "")):
                chained = _waits(old) and old.hold and old.hold.reason == HoldReason.OVERLAP
                if old.abort is None and not chained and _is_before(old, new):
                    found[old.id] = WaitingJob(old.id, old.uid)
        return list(found.values())[:limit]


def _waits(job: Job) -> bool:
    """Whether a job waits until earlier ones of its schedule are over."""
    return job.status is Status.QUEUED and job.hold is not None and job.hold.reason in WAITING


def _turn(job: Job) -> tuple[bool, datetime | None, str]:
    assert job.hold is not None
    return job.hold.reason != HoldReason.REPLACE, job.scheduled_for, job.id


def _is_before(old: Job, new: Job) -> bool:
    """Whether one replaces another: also what was run by hand, for which its time says nothing."""
    assert old.scheduled_for is not None
    assert new.scheduled_for is not None
    by_hand = old.scheduled_for.microsecond != 0 and new.scheduled_for.microsecond == 0
    return (by_hand and not _waits(old)) or _place(old) < _place(new)


def _place(job: Job) -> tuple[datetime, str]:
    assert job.scheduled_for is not None
    return job.scheduled_for, job.id


def _whole(at: datetime) -> datetime:
    """As a store keeps it."""
    return at - timedelta(microseconds=at.microsecond % 1000)
