"""A schedule: a job to be made again and again, and what became of its occurrences. Pure.

    cursor          next_at
      │ handled        │
    ──●───────●────────○────────○───▶  occurrences
              └ due: each becomes one job, or is skipped with a reason

The cursor is the last occurrence that was handled. It moves in the transaction that stores the
jobs, and only from where it was: so each occurrence is handled once, whichever node does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from scheduler.core.job import JsonText, Status
from scheduler.core.schedules.timing import Timing

CATCHUP_S: Final = 3600
CATCHUP_MAX_S: Final = 7 * 86_400
JITTER_MAX_S: Final = 3600
EVERY_MAX_S: Final = 366 * 86_400
EVERY_MIN_S: Final = 60
"""The shortest interval of a user; operators may have shorter ones."""
FAILURES_MAX: Final = 100
REMAINING_MAX: Final = 1_000_000
NEXT_SHOWN: Final = 5
RECENT_SHOWN: Final = 10
NO_DATA: Final = JsonText("null")
A_MILLISECOND: Final = timedelta(milliseconds=1)
NOTE_CHARS_MAX: Final = 500
PAUSED: Final = "paused"
"""How the notes begin that the scheduler writes where it pauses a schedule by itself."""
HISTORY_KEPT: Final = 100
"""How many occurrences of a schedule are remembered."""


class Misfire(StrEnum):
    """What becomes of occurrences for which no node was there in time."""

    SKIP = "skip"
    ONCE = "once"
    """The last one is made up for."""
    ALL = "all"


class Overlap(StrEnum):
    """What becomes of an occurrence while a job of the schedule is not over."""

    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    """Its job waits until that one is over; one at a time does."""
    ALLOW = "allow"
    REPLACE = "replace"
    """That one is aborted, and the new one waits until it is proven dead and undone."""


class SkipReason(StrEnum):
    """Why an occurrence became no job."""

    MISSED = "missed"
    OVERLAP = "overlap"
    PAUSED = "paused"
    """Its handler or its user was paused."""
    QUOTA = "quota"
    """Its user had as many queued jobs as he may have."""


class ScheduleKey(NamedTuple):
    """What a schedule is called; names are apart for each user."""

    uid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A schedule as its user asks for it."""

    timing: Timing
    task: str
    data: JsonText = NO_DATA
    hook: str | None = None
    jitter_s: float = 0.0
    misfire: Misfire = Misfire.ONCE
    catchup_s: float = CATCHUP_S
    overlap: Overlap = Overlap.SKIP
    paused: bool = False
    note: str | None = None
    pause_after_failures: int | None = None
    """It is paused once so many of its jobs in a row have failed; None: never."""
    remaining: int | None = None
    """How many jobs it still makes of its own; None: any number."""
    priority: int = 0
    max_attempts: int | None = None

    @property
    def makes_none(self) -> bool:
        """Whether nothing occurs: it is paused, or has made all its jobs."""
        return self.paused or self.remaining == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as it is stored."""

    key: ScheduleKey
    id: str
    """Of its own from its making on, also where it is replaced."""
    plan: Plan
    undoable: bool
    """Whether the handler has an `on_abort`, as when it was set."""
    needs: tuple[str, ...] = ()
    """The labels that the handler needs of a node, as when it was set."""
    set_by: str | None
    """The name of who set it last; None in mode `none`."""
    token_id: str | None
    """The id of the token with which it was set, if there was one."""
    created_at: datetime
    changed_at: datetime
    cursor: datetime
    """The last occurrence that was handled, or when it was set or resumed."""
    next_at: datetime | None
    """When it is to be looked at next; None where it is paused or has ended."""
    revision: int
    """Grows with every change; who changes it names the one that he has read."""

    def due_at(self, occurrence: datetime) -> datetime:
        """When an occurrence is due: later by its share of the jitter, the same on all nodes.

        Never later than the next one: so they are due in their order.
        """
        if not self.plan.jitter_s:
            return occurrence
        longest = timedelta(seconds=self.plan.jitter_s)
        if (following := next(self.after(occurrence), None)) is not None:
            longest = min(longest, following - occurrence)
        digest = sha256(f"{self.id} {occurrence.isoformat()}".encode()).digest()
        share = int.from_bytes(digest[:8]) / 2**64
        return occurrence + timedelta(milliseconds=int(share * (longest / A_MILLISECOND)))

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Its occurrences after an instant."""
        return self.plan.timing.after(instant)

    def next_due(self, cursor: datetime) -> datetime | None:
        """When the first occurrence after a cursor is due; None where there is none."""
        if self.plan.makes_none or (following := next(self.after(cursor), None)) is None:
            return None
        return self.due_at(following)


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What became of an occurrence of a schedule, or of several that were missed together."""

    scheduled_for: datetime
    """The time of the last one, where there were several."""
    at: datetime
    """When this was decided."""
    job_id: str | None = None
    skipped: SkipReason | None = None
    count: int = 1
    held: bool = False
    """Whether its job waits until the earlier ones of the schedule are over."""
    job_status: Status | None = None
    """Where its job stands now; None where there is none any more."""


def paused_note(why: str, note: str | None) -> str:
    """The note of a schedule that is paused by itself: why, and in a further line what it was."""
    return "\n".join(filter(None, (why, note)))[:NOTE_CHARS_MAX]


def resumed_note(note: str | None) -> str | None:
    """The note of a schedule that is resumed, without why it was paused."""
    if note is None or not note.startswith(PAUSED):
        return note
    return note.partition("\n")[2] or None
