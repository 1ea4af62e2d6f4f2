"""What users do with schedules: set, show, list, delete, run now, backfill, preview."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import islice, takewhile
from typing import Any, Final, NamedTuple

from scheduler.core.access.audit import Action, AuditRecord
from scheduler.core.access.principal import Principal, Right, may
from scheduler.core.errors import (
    Flaw,
    Forbidden,
    Invalid,
    NoSuchSchedule,
    QuotaExceeded,
    StoreUnavailable,
)
from scheduler.core.job import HoldReason, Job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.schedule_store import Firing, Made, Standing
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quotas
from scheduler.core.schedules.cron import WrongCron
from scheduler.core.schedules.firing import Verdict, verdicts
from scheduler.core.schedules.schedule import (
    EVERY_MIN_S,
    NEXT_SHOWN,
    PAUSED,
    RECENT_SHOWN,
    Occurrence,
    Overlap,
    Plan,
    Schedule,
    ScheduleKey,
    SkipReason,
    paused_note,
    resumed_note,
)
from scheduler.core.schedules.timing import AN_INSTANT, Timing
from scheduler.core.schedules.zones import NoSuchZone
from scheduler.core.tasks import Tasks
from scheduler.service.access.audit import recorded
from scheduler.service.access.rights import require, require_uid_or_all, require_users
from scheduler.service.schedules.firing import Firings
from scheduler.service.service import Aborts, Service

TRIES: Final = 5
"""Of a change to a schedule that others change at the same time."""
BACKFILL_MAX: Final = 100
"""How many occurrences one backfill makes up for."""
WEEK: Final = timedelta(days=7)
WEEK_SHOWN: Final = 60
"""How many occurrences of a schedule a calendar shows: what is more frequent fills it anyway."""
WEEK_SCHEDULES_MAX: Final = 50
A_SECOND_MS: Final = 1000
DELETED: Final = "its schedule was deleted"
"""Why a job is aborted with its schedule."""
DELETING: Final = f"{PAUSED}, since it was to be deleted with its jobs; delete it again"
"""The note of a schedule while its jobs are aborted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule as it is shown."""

    schedule: Schedule
    next: Sequence[datetime]
    recent: Sequence[Occurrence]


class SchedulePage(NamedTuple):
    """Some schedules; `next_after` is the `after` of the next page, if any."""

    schedules: Sequence[Shown]
    next_after: ScheduleKey | None


class Week(NamedTuple):
    """The occurrences of a schedule in the next seven days."""

    times: Sequence[datetime]
    more: bool
    """Whether there are further ones than these."""


class Put(NamedTuple):
    """What became of a schedule that was set."""

    shown: Shown
    created: bool


class Deleted(NamedTuple):
    """A schedule as it was, and what became of its jobs where these were aborted, too."""

    schedule: Schedule
    aborts: Aborts | None


class Ran(NamedTuple):
    """What became of a run that was asked for."""

    job: Job | None
    skipped: SkipReason | None


class ScheduleService:
    """The schedules, as their users see them."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        new_id: Callable[[], str],
        tasks: Tasks,
        service: Service,
        firings: Firings,
        quotas: Quotas,
        on_refused: Callable[[str], None],
    ) -> None:
        """Collaborators.

        Args:
            on_refused: is told by which policy of a quota a schedule was refused.
        """
        self.nearer = asyncio.Event()
        """Set where something may be due earlier than was known, for this node's look."""
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._tasks = tasks
        self._service = service
        self._firings = firings
        self._quotas = quotas
        self._on_refused = on_refused

    async def put(self, by: Principal, key: ScheduleKey, plan: Plan) -> Put:
        """Set a schedule, or replace the one that there is.

        It begins now: what would have occurred before is not made up for. Where only other things
        are replaced than its times, it goes on where it was.

        Raises:
            Forbidden: somebody may not submit for its user.
            Invalid: the interval is too short for somebody.
            QuotaExceeded: its user would have too many schedules.
            StoreUnavailable: nothing was stored.
        """
        require_users(by, Right.CHANGE, [key.uid])
        _require_interval(by, plan.timing)
        try:
            put = await self._put(by, key, plan)
        except QuotaExceeded as error:
            self._on_refused(error.violations[0].policy)
            raise
        self.nearer.set()
        return put

    async def _put(self, by: Principal, key: ScheduleKey, plan: Plan) -> Put:
        for _ in range(TRIES):
            standing = await self._store.schedules.standing(key)
            before = standing.schedule
            wanted = self._wanted(by, key, plan, standing)
            audit = self._recorded(by, Action.SET_SCHEDULE, key, detail={"task": plan.task})
            put = await self._store.schedules.put(
                wanted,
                revision=None if before is None else before.revision,
                quota=self._quotas.of(key.uid),
                audit=audit,
            )
            if put is not None:
                return Put(await self._shown(put), created=before is None)
        raise _contended()

    def _wanted(self, by: Principal, key: ScheduleKey, plan: Plan, standing: Standing) -> Schedule:
        before, now = standing.schedule, standing.now
        goes_on = (
            before is not None
            and before.plan.timing == plan.timing
            and not before.plan.makes_none
            and before.plan.jitter_s == plan.jitter_s
        )
        if before is not None and before.plan.paused and not plan.paused:
            plan = replace(plan, note=resumed_note(plan.note))
        options = self._tasks.get(plan.task)
        schedule = Schedule(
            key=key,
            id=self._new_id(),
            plan=plan,
            undoable=options is not None and options.undoable,
            needs=() if options is None else options.needs,
            set_by=by.name,
            token_id=by.token_id,
            created_at=now,
            changed_at=now,
            cursor=before.cursor if before is not None and goes_on else now,
            next_at=None,
            revision=1,
        )
        if before is not None:
            schedule = replace(schedule, id=before.id, created_at=before.created_at)
        return replace(schedule, next_at=schedule.next_due(schedule.cursor))

    async def get(self, by: Principal, key: ScheduleKey) -> Shown:
        """A schedule, with its next and its last occurrences.

        Raises:
            NoSuchSchedule: there is none, or it is another user's.
        """
        return await self._shown(await self._found(by, Right.READ, key))

    async def delete(self, by: Principal, key: ScheduleKey, *, abort: bool = False) -> Deleted:
        """Delete a schedule, and return it as it was; its jobs go on, or are aborted.

        To abort them, it is first paused, and deleted last: so it makes no further ones meanwhile,
        and where this ends half-way, it is still there to be deleted again.

        Raises:
            NoSuchSchedule: there is none, or it is another user's.
        """
        _require_own(by, Right.CHANGE, key)
        before = await self._stopped(key) if abort else None
        aborts = await self._abort_jobs(by, key) if abort else None
        audit = self._recorded(by, Action.DELETE_SCHEDULE, key)
        deleted = await self._store.schedules.delete(key, audit=audit)
        if deleted is None:
            raise _no_such(key)
        if aborts is not None:  # some may have been made by hand before it was deleted
            later = await self._abort_jobs(by, key)
            aborts = Aborts(aborts.aborted + later.aborted, aborts.aborting + later.aborting)
        return Deleted(before or deleted, aborts)

    async def _stopped(self, key: ScheduleKey) -> Schedule:
        """Pause a schedule that is to be deleted, and return it as it was.

        Raises:
            NoSuchSchedule: there is none.
        """
        for _ in range(TRIES):
            schedule = (await self._store.schedules.standing(key)).schedule
            if schedule is None:
                raise _no_such(key)
            note = paused_note(DELETING, schedule.plan.note)
            if schedule.plan.paused or await self._store.schedules.pause(schedule, note=note):
                return schedule
        raise _contended()

    async def _abort_jobs(self, by: Principal, key: ScheduleKey) -> Aborts:
        return await self._service.abort_all(
            by, key.uid, statuses=(), task=None, schedule=key.name, reason=DELETED
        )

    async def page(
        self, by: Principal, uid: str | None, *, after: ScheduleKey | None, limit: int
    ) -> SchedulePage:
        """Some schedules of a user, or of all, by user and name.

        Raises:
            Forbidden: somebody may not read these.
        """
        uid = uid or by.only_uid
        require_uid_or_all(by, Right.READ, uid)
        found = await self._store.schedules.page(uid, after=after, limit=limit + 1)
        page = found[:limit]
        shown = [Shown(each, upcoming(each), ()) for each in page]
        return SchedulePage(shown, page[-1].key if len(found) > limit else None)

    async def week(self, by: Principal, uid: str | None) -> Sequence[tuple[ScheduleKey, Week]]:
        """The occurrences of the next seven days, of the first schedules of a user, or of all.

        Raises:
            Forbidden: somebody may not read these.
        """
        uid = uid or by.only_uid
        require_uid_or_all(by, Right.READ, uid)
        now = self._clock.now()
        end = now + WEEK
        found = []
        for each in await self._store.schedules.page(uid, limit=WEEK_SCHEDULES_MAX):
            if not each.plan.makes_none:
                following = _following(each, max(now, each.cursor), WEEK_SHOWN + 1)
                times = list(takewhile(lambda at: at < end, following))
                found.append((each.key, Week(times[:WEEK_SHOWN], len(times) > WEEK_SHOWN)))
            await asyncio.sleep(0)  # requests of others go on meanwhile
        return found

    async def run(
        self, by: Principal, key: ScheduleKey, *, idempotency_key: str | None = None
    ) -> Ran:
        """Make a job now, whatever the schedule's times are, and whether it is paused or not.

        With an idempotency key, a repetition gets the job of the first call.

        Raises:
            Conflict: the key came with another request before.
            NoSuchSchedule: there is none, or it is another user's.
            QuotaExceeded: its user would have too many queued jobs.
        """
        _require_own(by, Right.CHANGE, key)
        for _ in range(TRIES):
            standing = await self._store.schedules.standing(key)
            if standing.schedule is None:
                raise _no_such(key)
            schedule, now = standing.schedule, _no_whole_second(standing.now)
            (verdict,) = verdicts([now], schedule.plan.overlap, standing.unfinished)
            made = self._firings.made(schedule, verdict)
            if idempotency_key is not None:
                made = _keyed(made, idempotency_key, key)
                if (before := await self._store.stored([made.job])) is not None:
                    return Ran(before.jobs[0], None)
            if verdict.skipped is not None:
                return Ran(None, verdict.skipped)
            audit = self._recorded(by, Action.RUN_SCHEDULE, key)
            firing = self._firing(schedule, standing, [made])
            if jobs := await self._firings.fire(firing, audit=audit):
                self.nearer.set()
                return Ran(jobs[0], None)
        raise _contended()

    async def backfill(
        self, by: Principal, key: ScheduleKey, *, begin: datetime, end: datetime
    ) -> Sequence[Job]:
        """Make jobs of the occurrences in a time that is past, but for those that have become jobs.

        One after the other, unless `overlap` allows several at once.

        Raises:
            NoSuchSchedule: there is none, or it is another user's.
            Invalid: they are too many.
            QuotaExceeded: its user would have too many queued jobs.
        """
        _require_own(by, Right.CHANGE, key)
        for _ in range(TRIES):
            standing = await self._store.schedules.standing(key)
            if standing.schedule is None:
                raise _no_such(key)
            schedule = standing.schedule
            # What comes after its cursor is not past yet, unless the schedule has stopped.
            last = schedule.cursor if schedule.next_at is not None else standing.now
            times = _between(schedule, begin, min(end, last))
            occurred = set(await self._store.schedules.occurred(schedule, times))
            left = [each for each in times if each not in occurred]
            if not left:
                return []
            waits = schedule.plan.overlap is not Overlap.ALLOW
            made = [self._backfilled(schedule, each, waits=waits) for each in left]
            firing = self._firing(schedule, standing, made)
            audit = self._recorded(by, Action.BACKFILL_SCHEDULE, key, count=len(left))
            if jobs := await self._firings.fire(firing, audit=audit):
                self.nearer.set()
                return jobs
        raise _contended()

    def preview(self, by: Principal, timing: Timing, *, count: int) -> Sequence[datetime]:
        """The next occurrences that a schedule of these times would have.

        Raises:
            Forbidden: somebody may not read anything.
        """
        require(by, Right.READ)
        return list(islice(timing.after(self._clock.now()), count))

    def _backfilled(self, schedule: Schedule, at: datetime, *, waits: bool) -> Made:
        """A job that makes up for an occurrence: it replaces none."""
        made = self._firings.made(schedule, Verdict(at))
        return made._replace(held=HoldReason.OVERLAP if waits else None)

    def _firing(self, schedule: Schedule, standing: Standing, made: Sequence[Made]) -> Firing:
        """Jobs beside the schedule's times: its cursor stays, and they are none of its own."""
        return Firing(
            schedule=schedule,
            cursor=schedule.cursor,
            next_at=schedule.next_at,
            remaining=schedule.plan.remaining,
            occurrences=[
                Occurrence(scheduled_for=each.scheduled_for, at=standing.now, job_id=each.job.id)
                for each in made
            ],
            made=made,
        )

    async def _found(self, by: Principal, right: Right, key: ScheduleKey) -> Schedule:
        _require_own(by, right, key)
        found = (await self._store.schedules.standing(key)).schedule
        if found is None:
            raise _no_such(key)
        return found

    async def _shown(self, schedule: Schedule) -> Shown:
        recent = await self._store.schedules.recent(schedule, limit=RECENT_SHOWN)
        return Shown(schedule, upcoming(schedule), recent)

    def _recorded(
        self,
        by: Principal,
        action: Action,
        key: ScheduleKey,
        *,
        count: int = 1,
        detail: dict[str, Any] | None = None,
    ) -> Sequence[AuditRecord]:
        """What somebody does; nothing in mode `none`, as for aborts."""
        if by.name is None:
            return ()
        return recorded(
            by,
            action,
            at=self._clock.now(),
            uid=key.uid,
            target=key.name,
            count=count,
            detail=detail,
        )


def upcoming(schedule: Schedule) -> Sequence[datetime]:
    """The next occurrences of a schedule; none while it is paused."""
    return () if schedule.plan.makes_none else _following(schedule, schedule.cursor, NEXT_SHOWN)


def _following(schedule: Schedule, instant: datetime, shown: int) -> Sequence[datetime]:
    """So many occurrences after an instant; none where only nodes of a later version know when."""
    try:
        return list(islice(schedule.after(instant), _most(shown, schedule)))
    except (NoSuchZone, WrongCron):
        return ()


def _most(shown: int, schedule: Schedule) -> int:
    """How many occurrences of a schedule are shown that makes no more than it still has."""
    remaining = schedule.plan.remaining
    return shown if remaining is None else min(shown, remaining)


def _require_own(by: Principal, right: Right, key: ScheduleKey) -> None:
    """As for jobs: what belongs to somebody else looks as if it were not there."""
    require(by, right)
    if not may(by, right, key.uid):
        raise _no_such(key)


def _no_such(key: ScheduleKey) -> NoSuchSchedule:
    return NoSuchSchedule(f"user {key.uid!r} has no schedule {key.name!r}")


def _contended() -> StoreUnavailable:
    return StoreUnavailable("the schedule is being changed by others again and again")


def _require_interval(by: Principal, timing: Timing) -> None:
    """Operators may have intervals below a minute.

    Raises:
        Invalid: it is too short for somebody.
    """
    every_s = timing.every_s
    if every_s is None or every_s >= EVERY_MIN_S:
        return
    try:
        require(by, Right.OPERATE)
    except Forbidden:
        detail = f"got {every_s}; allowed: {EVERY_MIN_S} or more; operators may set less"
        raise Invalid(f"/every_s: {detail}", (Flaw("/every_s", detail),)) from None


def _keyed(made: Made, key: str, of: ScheduleKey) -> Made:
    """The job with the idempotency key of the request that makes it."""
    fingerprint = sha256(f"run {of.uid}/{of.name}".encode()).hexdigest()
    return made._replace(job=replace(made.job, idempotency_key=key, fingerprint=fingerprint))


def _between(schedule: Schedule, begin: datetime, end: datetime) -> Sequence[datetime]:
    """The occurrences in a time.

    Raises:
        Invalid: they are too many.
    """
    all_after = schedule.after(begin - AN_INSTANT)
    times = list(islice(takewhile(lambda each: each <= end, all_after), BACKFILL_MAX + 1))
    if len(times) > BACKFILL_MAX:
        detail = f"more than {BACKFILL_MAX} occurrences; allowed: at most {BACKFILL_MAX} at a time"
        raise Invalid(f"/to: {detail}", (Flaw("/to", detail),))
    return times


def _no_whole_second(now: datetime) -> datetime:
    """A time at which no occurrence is: a run that was asked for takes the place of none."""
    return now.replace(microsecond=A_SECOND_MS) if now.microsecond < A_SECOND_MS else now
