"""The port to the stored schedules, a part of the store; see the package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import HoldReason, Job, LetGo, NewJob, WaitingJob
from scheduler.core.quotas.quota import Quota
from scheduler.core.schedules.firing import Unfinished
from scheduler.core.schedules.schedule import Occurrence, Schedule, ScheduleKey


class Standing(NamedTuple):
    """A schedule, and what decides on its occurrences."""

    now: datetime
    """By the store's clock."""
    schedule: Schedule | None
    unfinished: Unfinished
    """Its jobs that are not over; each number counts up to a thousand."""
    paused: bool
    """Whether its handler or its user is paused."""


class Made(NamedTuple):
    """A job that an occurrence becomes."""

    job: NewJob
    scheduled_for: datetime
    held: HoldReason | None
    """Why it has to wait for the earlier ones of its schedule, if so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """What becomes of some occurrences of a schedule, and where its cursor is then."""

    schedule: Schedule
    """As it was read: nothing is stored where it has changed since."""
    cursor: datetime
    next_at: datetime | None
    remaining: int | None
    """How many jobs it still makes then; None: any number."""
    occurrences: Sequence[Occurrence] = ()
    made: Sequence[Made] = ()


class Upcoming(NamedTuple):
    """When there is something to do for schedules."""

    due_s: float | None
    """In how many seconds the next one is due; None where none is."""
    overlapping: bool
    """Whether a job waits until earlier ones of its schedule are over."""


class ScheduleStore(Protocol):
    """The schedules. Where a call has an effect, its `audit` is stored in the same transaction."""

    async def put(
        self,
        schedule: Schedule,
        *,
        revision: int | None,
        quota: Quota | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Schedule | None:
        """Store a schedule, or replace the one that there is; None, and no effect, where it moved.

        Args:
            revision: of the one that is to be replaced; None where there was none.
            quota: of its user. Where it limits how many schedules there are, they are counted in
                the same transaction; one that replaces another is never refused.

        Raises:
            QuotaExceeded: its user would have too many; nothing is stored.
        """
        ...

    async def count(self, uid: str, *, count_max: int) -> int:
        """How many schedules a user has, counted up to a limit."""
        ...

    async def delete(
        self, key: ScheduleKey, *, audit: Sequence[AuditRecord] = ()
    ) -> Schedule | None:
        """Delete a schedule, and return it as it was; its jobs stay."""
        ...

    async def standing(self, key: ScheduleKey) -> Standing:
        """A schedule, if there is one, and how it stands."""
        ...

    async def page(
        self, uid: str | None, *, after: ScheduleKey | None = None, limit: int
    ) -> Sequence[Schedule]:
        """Schedules of a user, or of all, by user and name; those after one of them."""
        ...

    async def recent(self, schedule: Schedule, *, limit: int) -> Sequence[Occurrence]:
        """The last occurrences of a schedule, newest first."""
        ...

    async def occurred(
        self, schedule: Schedule, times: Collection[datetime]
    ) -> Collection[datetime]:
        """Those of some times whose occurrences have become jobs."""
        ...

    async def upcoming(self) -> Upcoming:
        """When there is something to do."""
        ...

    async def due(self, *, limit: int) -> Sequence[Standing]:
        """Schedules that are due, the longest first, and how they stand."""
        ...

    async def fire(
        self,
        firing: Firing,
        *,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Sequence[Job] | None:
        """Handle occurrences: move the cursor, and store what became of them, with their jobs.

        One transaction. No effect, and None, where the schedule has changed since it was read.
        Where one that is to become a job has one already, none is stored, only the cursor moves,
        and the answer is empty. One that was skipped may be made up for.

        Args:
            quotas: by uid, those that limit how many jobs are queued.

        Raises:
            QuotaExceeded: its user would have too many queued jobs; nothing is stored.
        """
        ...

    async def pause(self, schedule: Schedule, *, note: str) -> bool:
        """Pause a schedule, unless it has changed since it was read; whether that was done."""
        ...

    async def failures_in_a_row(self, schedule: Schedule, *, count_max: int) -> int:
        """How many of its last ended jobs failed, one after the other, counted up to a limit.

        Those that were aborted are left out, and those for times before it was set last: who
        resumes a schedule begins anew.
        """
        ...

    async def let_go(self, *, limit: int) -> LetGo:
        """Let jobs go that waited until earlier ones of their schedules are over.

        A job is over when it is final, which it becomes when its processes are proven dead, and its
        clean-up is done. One job of a schedule is let go at a time.
        """
        ...

    async def replaced(self, *, limit: int) -> Sequence[WaitingJob]:
        """Jobs that are to be aborted, since others of their schedules wait to replace them."""
        ...
