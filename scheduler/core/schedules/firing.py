"""Which occurrences of a schedule start a job, which are skipped, and why. Pure.

occurrences that are due ── misfire, catchup_s ──▶ those to make ── paused, quota ──▶
                          └▶ missed                              └▶ skipped
── overlap ──▶ a job that starts, or waits until the earlier ones are over
          └──▶ skipped
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final, NamedTuple

from scheduler.core.schedules.schedule import Misfire, Overlap, Schedule, SkipReason
from scheduler.core.schedules.timing import AN_INSTANT

ON_TIME: Final = timedelta(seconds=60)
"""An occurrence that is less late counts as on time: a node may be restarted meanwhile."""
MADE_UP_MAX: Final = 100
"""How many occurrences are made up for, the last ones."""
MISSED_COUNTED: Final = 1000
"""How many missed ones are counted."""
WINDOW: Final = timedelta(seconds=64)


@dataclass(frozen=True, slots=True)
class Due:
    """The occurrences of a schedule that are due."""

    made: tuple[datetime, ...]
    """Those that are to become jobs."""
    missed: int
    """How many are skipped because nobody was there in time; up to `MISSED_COUNTED`."""
    last_missed: datetime | None
    cursor: datetime
    """Where the schedule stands when these are handled."""


class Unfinished(NamedTuple):
    """How many jobs of a schedule are not over yet."""

    active: int
    waiting: int
    """Those of them that wait until earlier ones are over."""


class Verdict(NamedTuple):
    """What is to become of one occurrence."""

    occurrence: datetime
    skipped: SkipReason | None = None
    held: bool = False


def due(schedule: Schedule, now: datetime) -> Due:
    """The occurrences that are due now, and which of them are to become jobs."""
    plan = schedule.plan
    limit = max(timedelta(seconds=plan.catchup_s), ON_TIME)
    oldest = now - limit - timedelta(seconds=plan.jitter_s) - AN_INSTANT

    def enough(found: Sequence[datetime]) -> bool:
        if plan.misfire is not Misfire.ALL:
            return bool(found)
        return sum(now - schedule.due_at(each) <= limit for each in found) >= MADE_UP_MAX

    found = _last_due(schedule, now, oldest, enough)
    if plan.misfire is Misfire.ALL:
        made = [each for each in found if now - schedule.due_at(each) <= limit][-MADE_UP_MAX:]
    else:
        late_max = ON_TIME if plan.misfire is Misfire.SKIP else limit
        made = [each for each in found[-1:] if now - schedule.due_at(each) <= late_max]
    cursor = found[-1] if found else max(schedule.cursor, oldest)
    before = takewhile(lambda each: each <= cursor, schedule.after(schedule.cursor))
    kept = frozenset(made)
    missed = list(islice((each for each in before if each not in kept), MISSED_COUNTED))
    last = max([*missed[-1:], *(each for each in found if each not in kept)], default=None)
    return Due(tuple(made), len(missed), last, cursor)


def _last_due(
    schedule: Schedule,
    now: datetime,
    oldest: datetime,
    enough: Callable[[Sequence[datetime]], bool],
) -> Sequence[datetime]:
    """The last occurrences that are due, none before the oldest one, until there are enough."""
    window = WINDOW
    while True:
        begin = max(schedule.cursor, oldest, now - window)
        found = list(takewhile(lambda each: schedule.due_at(each) <= now, schedule.after(begin)))
        if enough(found) or begin > now - window:
            return found
        window *= 2


def verdicts(
    occurrences: Sequence[datetime],
    overlap: Overlap,
    unfinished: Unfinished,
    *,
    skip: SkipReason | None = None,
    room: int | None = None,
    remaining: int | None = None,
) -> Sequence[Verdict]:
    """What becomes of occurrences that are to be made now.

    Args:
        skip: why none of them may become a job, if so.
        room: how many further queued jobs their user may have; None for any number.
        remaining: how many jobs their schedule still makes: nothing occurs after the last one.
    """
    if skip is not None:
        return [Verdict(each, skip) for each in occurrences]
    found: list[Verdict] = []
    active, waiting = unfinished
    for each in occurrences:
        if remaining == sum(verdict.skipped is None for verdict in found):
            break
        last = each == occurrences[-1]
        if room is not None and room <= 0:
            found.append(Verdict(each, SkipReason.QUOTA))
        elif (held := _held(overlap, active, waiting, last=last)) is None:
            found.append(Verdict(each, SkipReason.OVERLAP))
        else:
            found.append(Verdict(each, held=held))
            active, waiting = active + 1, waiting + held
            room = None if room is None else room - 1
    return found


def _held(overlap: Overlap, active: int, waiting: int, *, last: bool) -> bool | None:
    """Whether a new job has to wait for earlier ones; None where it is not to be made."""
    match overlap:
        case Overlap.ALLOW:
            return False
        case Overlap.SKIP:
            return None if active else False
        case Overlap.QUEUE_ONE:
            return None if active and waiting else bool(active)
        case Overlap.REPLACE:
            return bool(active) if last else None
