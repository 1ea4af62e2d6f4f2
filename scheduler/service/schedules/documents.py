"""Schedules as JSON documents: each key of the API's contract, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from scheduler.core.schedules.cron import parsed
from scheduler.core.schedules.schedule import Occurrence
from scheduler.core.schedules.timing import Timing
from scheduler.core.schedules.zones import TZDATA_VERSION, zone
from scheduler.service.documents import instant
from scheduler.service.schedules.schedules import Deleted, Shown

Document = dict[str, Any]

EITHER_DAY = (
    "a day fits by its number or by its weekday: where both fields are given, one of them is enough"
)
SKIPPED_HOUR = (
    "a time that clocks skip in spring occurs once, at the first minute that exists; one that they "
    "show twice in autumn occurs once"
)
BOTH_HOURS = "an hour that clocks show twice in autumn has its occurrences twice"


def schedule_document(shown: Shown) -> Document:
    """A schedule, with its next and its last occurrences."""
    schedule, plan = shown.schedule, shown.schedule.plan
    timing = plan.timing
    return {
        "uid": schedule.key.uid,
        "name": schedule.key.name,
        "task": plan.task,
        "data": orjson.Fragment(plan.data),
        "hook": plan.hook,
        "cron": timing.cron,
        "every_s": timing.every_s,
        "phase_s": timing.phase_s,
        "timezone": timing.timezone,
        "start_at": timing.start_at and instant(timing.start_at),
        "end_at": timing.end_at and instant(timing.end_at),
        "jitter_s": plan.jitter_s,
        "misfire": plan.misfire,
        "catchup_s": plan.catchup_s,
        "overlap": plan.overlap,
        "paused": plan.paused,
        "note": plan.note,
        "pause_after_failures": plan.pause_after_failures,
        "remaining": plan.remaining,
        "priority": plan.priority,
        "max_attempts": plan.max_attempts,
        "set_by": schedule.set_by,
        "created_at": instant(schedule.created_at),
        "changed_at": instant(schedule.changed_at),
        "next": [instant(each) for each in shown.next],
        "recent": [_occurrence(each) for each in shown.recent],
    }


def deleted_document(deleted: Deleted) -> Document:
    """A schedule as it was, and how many of its jobs were aborted."""
    aborts = deleted.aborts
    return {
        **schedule_document(Shown(deleted.schedule, (), ())),
        "aborts": aborts and {"aborted": aborts.aborted, "aborting": aborts.aborting},
    }


def _occurrence(occurrence: Occurrence) -> Document:
    return {
        "scheduled_for": instant(occurrence.scheduled_for),
        "at": instant(occurrence.at),
        "job": occurrence.job_id,
        "status": occurrence.job_status,
        "skipped": occurrence.skipped,
        "count": occurrence.count,
    }


def preview_document(timing: Timing, times: Sequence[datetime]) -> Document:
    """When a schedule would have its next occurrences."""
    clocks = zone(timing.timezone)
    return {
        "next": [instant(each) for each in times],
        "local": [each.astimezone(clocks).isoformat(timespec="seconds") for each in times],
        "explained": _explained(timing),
        "notes": _notes(timing),
        "timezone": timing.timezone,
        "tzdata": TZDATA_VERSION,
    }


def _explained(timing: Timing) -> str:
    if timing.cron is not None:
        return parsed(timing.cron).explained
    shifted = f", shifted by {timing.phase_s}" if timing.phase_s else ""
    return f"Every {timing.every_s} seconds, counted from 1970 on in UTC{shifted}"


def _notes(timing: Timing) -> list[str]:
    if timing.cron is None:
        return []
    cron = parsed(timing.cron)
    notes = [EITHER_DAY] if cron.either_day else []
    if timing.timezone != "UTC":
        notes.append(BOTH_HOURS if cron.repeats else SKIPPED_HOUR)
    return notes
