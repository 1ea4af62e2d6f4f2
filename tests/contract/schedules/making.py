"""Makes schedules for tests, and what becomes of their occurrences."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from scheduler.core.job import HoldReason
from scheduler.core.ports.schedule_store import Firing, Made
from scheduler.core.schedules.schedule import (
    Occurrence,
    Plan,
    Schedule,
    ScheduleKey,
    SkipReason,
)
from scheduler.core.schedules.timing import Timing
from tests.support.stores import AT, new

KEY = ScheduleKey("u1", "nightly")
HOURLY = Timing(every_s=3600)


def plan(**fields: Any) -> Plan:  # noqa: ANN401 - fields of a plan
    return Plan(**{"timing": HOURLY, "task": "task1", **fields})


def schedule(
    of: Plan | None = None,
    *,
    key: ScheduleKey = KEY,
    cursor: datetime = AT,
    id: str = "s1",  # noqa: A002 - the name of the field
    **fields: Any,  # noqa: ANN401 - fields of a schedule
) -> Schedule:
    """One that is due next at the first occurrence after its cursor."""
    made = Schedule(
        key=key,
        id=id,
        plan=of or plan(),
        undoable=False,
        set_by=None,
        token_id=None,
        created_at=AT,
        changed_at=AT,
        cursor=cursor,
        next_at=None,
        revision=1,
    )
    return replace(made, **{"next_at": made.next_due(cursor), **fields})


def hours(number: int) -> datetime:
    """An occurrence of `HOURLY`: the first ones after `AT` are 1, 2, 3."""
    return AT.replace(minute=0, second=0, microsecond=0) + timedelta(hours=number)


def firing(
    of: Schedule,
    *started: datetime,
    held: HoldReason | None = None,
    skipped: SkipReason | None = None,
    cursor: datetime | None = None,
    remaining: int | None = None,
) -> Firing:
    """These occurrences become jobs, or are skipped."""
    to = cursor or max(started, default=of.cursor)
    made = [] if skipped else [Made(new(of.key.uid), each, held) for each in started]
    ids: list[str | None] = [each.job.id for each in made]
    return Firing(
        schedule=of,
        cursor=to,
        next_at=of.next_due(to),
        remaining=remaining,
        occurrences=[
            Occurrence(scheduled_for=each, at=AT, job_id=job_id, skipped=skipped)
            for each, job_id in zip(started, ids or [None] * len(started), strict=True)
        ],
        made=made,
    )
