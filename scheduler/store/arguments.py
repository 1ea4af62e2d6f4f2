"""Arguments of statements: the objects of `job.py` as columns, and many rows as one argument.

Instants are milliseconds since 1970 UTC; objects such as errors and progress are JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final

import orjson

from scheduler.core.access.audit import AuditRecord
from scheduler.core.dependencies.declaration import After
from scheduler.core.dependencies.resolving import Edge
from scheduler.core.job import (
    AT_ONCE,
    NOTHING_RAN,
    Again,
    Cleanup,
    CleanupTries,
    Failure,
    HoldReason,
    NewJob,
    Node,
    Order,
    Progress,
    Settlement,
    WaitingJob,
)
from scheduler.core.job_log import Written
from scheduler.core.limits.limiters import Limiter
from scheduler.core.places.labels import lane_of
from scheduler.core.ports.limiter_store import InLimiters
from scheduler.core.quotas.quota import Quota
from scheduler.core.rerun import RerunFilter
from scheduler.core.schedules.schedule import Occurrence, Schedule

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
AWAITED: Final = {"awaited": "open"}
"""What is stored of a job for which others wait that are stored with it."""
MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(at: datetime) -> int:
    """An instant as it is stored."""
    return (at - EPOCH) // MILLISECOND


def milliseconds_up(at: datetime) -> int:
    """The first instant that can be stored and is not before this one."""
    return -((EPOCH - at) // MILLISECOND)


def maybe_milliseconds(at: datetime | None) -> int | None:
    """An instant as it is stored, if there is one."""
    return None if at is None else milliseconds(at)


def json(value: Failure | Progress | Sequence[str]) -> str:
    """An object as it is stored: as JSON."""
    return orjson.dumps(value).decode()


def batch(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as one argument: a JSON object, which both databases unfold with `json_each`."""
    return orjson.dumps({str(number): row for number, row in enumerate(rows)}).decode()


def keys(names: Iterable[str]) -> str:
    """Names as one argument, each once: the keys of a JSON object, as `json_each` calls them."""
    return orjson.dumps({str(name): None for name in names}).decode()


def new_job(new: NewJob, claimer: str | None = None) -> Mapping[str, Any]:
    """The columns of a job to be stored, and the id of the node that is to own it."""
    after = {} if new.after is None else after_columns(new.after, waits=new.waits)
    return {
        **new.submitted(),
        "claimer": claimer,
        "id": new.id,
        "traceparent": new.traceparent,
        "bytes": _bytes(new.data) + len(after.get("predecessors", "")),
        "undoable": new.undoable,
        "submitted_by": new.submitted_by,
        "created_at": milliseconds(new.created_at),
        "idempotency_key": new.idempotency_key,
        "fingerprint": new.fingerprint,
        **({} if new.order is AT_ONCE else {"order": order(new.order)}),
        **({} if new.rerun is None else {"rerun": new.rerun._asdict()}),
        **({"waits_for": {**after, **AWAITED}} if new.awaited else {}),
        **({"waits_for": after} if after and not new.awaited else {}),
    }


def after_columns(after: After, *, waits: bool) -> Mapping[str, str]:
    """What a job comes after, and whether it is held for that."""
    return {
        "predecessors": orjson.dumps([list(each) for each in after.predecessors]).decode(),
        "after_if": after.condition,
        **({"held": HoldReason.AFTER} if waits else {}),
    }


def edges(jobs: Iterable[NewJob]) -> str:
    """For which jobs each of these waits."""
    return batch(
        {"parent": parent, "child": new.id}
        for new in jobs
        if new.after is not None and new.waits
        for parent in new.after.ids
    )


def predecessors(jobs: Sequence[NewJob]) -> str | None:
    """Which jobs these wait for that are not among them, each with its user; None for none."""
    ids = {new.id for new in jobs}
    found = {
        (parent, new.uid)
        for new in jobs
        if new.after is not None and new.waits
        for parent in new.after.ids
        if parent not in ids
    }
    return batch({"id": job_id, "uid": uid} for job_id, uid in sorted(found)) if found else None


def pairs(edges: Iterable[Edge]) -> str:
    """Edges as rows."""
    return batch({"parent": edge.parent, "child": edge.child} for edge in edges)


def order(wanted: Order) -> Mapping[str, Any]:
    """When a job is to run, and in which order."""
    delay_s, run_at = wanted.delay_s, wanted.run_at
    return {
        "priority": wanted.priority,
        "run_at": None if run_at is None else milliseconds_up(run_at),
        "delay_ms": None if delay_s is None else ceil(delay_s * 1000),
        "start_within_s": wanted.start_within_s,
        "max_attempts": wanted.max_attempts,
        "hook_retries": wanted.hook_retries,
        "needs": lane_of(wanted.needs) or None,
        "group": wanted.group,
    }


def rerun_filter(which: RerunFilter) -> tuple[str, str, int | None, str | None]:
    """Statuses, handlers, time and kinds of failure of jobs that are to be run again."""
    return (
        keys(which.statuses),
        keys(which.tasks),
        maybe_milliseconds(which.since),
        keys(which.error_kinds) if which.error_kinds else None,
    )


def quotas(jobs: Iterable[NewJob], limits: Mapping[str, Quota]) -> str:
    """By uid, how many new jobs each of these users has, and how many may be queued."""
    new = Counter(job.uid for job in jobs if job.uid in limits)
    return orjson.dumps(
        {uid: {"new": new[uid], "queued_max": limits[uid].queued_max} for uid in new}
    ).decode()


def unique(new: NewJob) -> Mapping[str, Any]:
    """What decides whether a job with a unique key is stored; nothing for one that has none."""
    if new.unique is None:
        return {}
    return {
        "id": new.id,
        "uid": new.uid,
        "task": new.task,
        "unique_key": new.unique.key,
        "on_conflict": new.unique.on_conflict,
    }


def place(node: Node) -> Mapping[str, str | None]:
    """The columns that say what a node runs, and by which rules of time zones."""
    return {
        "labels": lane_of(node.labels),
        "only_for": lane_of(node.only),
        "tzdata": node.tzdata,
    }


def before(jobs: Iterable[WaitingJob]) -> Mapping[str, int]:
    """How many of these jobs are before each one, of the same user."""
    seen = Counter[str]()
    places = {}
    for job in sorted(jobs, key=lambda job: (job.turn_ms, job.id)):
        places[job.id] = seen[job.uid]
        seen[job.uid] += 1
    return places


def places(before: Mapping[str, int]) -> str:
    """By job, how many jobs of its user are to be claimed before it."""
    return orjson.dumps(before).decode()


def limits(running_max: Mapping[str, int | None]) -> str:
    """By uid or pattern, how many jobs of a user may run; null for any number."""
    return orjson.dumps({key: {"running_max": most} for key, most in running_max.items()}).decode()


def limiters(found: Mapping[str, Limiter]) -> str:
    """By key, or by rule, what limiters let through."""
    return orjson.dumps(
        {
            name: {
                "rule": limiter.rule,
                "jobs_max": limiter.jobs_max,
                "interval_us": limiter.interval_us,
                "slack_us": limiter.slack_us,
            }
            for name, limiter in found.items()
        }
    ).decode()


def asked(jobs: Iterable[InLimiters]) -> str:
    """The limiters in which jobs must have room: a row for each job and limiter."""
    return batch(
        {"id": each.job.id, "key": limiter.key} for each in jobs for limiter in each.limiters
    )


def settlement(end: Settlement) -> Mapping[str, Any]:
    """The columns of the end of an attempt; without a death, nothing ran."""
    error = None if end.error is None else json(end.error)
    death = end.death or NOTHING_RAN
    return {
        "id": end.id,
        "token": end.token,
        "status": end.status,
        "at": milliseconds(end.at),
        "result": end.result,
        "error": error,
        "progress": None if end.progress is None else json(end.progress),
        "bytes": _bytes(end.result) + _bytes(error),
        "unbegun": int(end.death == NOTHING_RAN),
        "signal": death.signal,
        "processes": death.processes,
        "survivors": death.survivors,
        **({} if end.again is None else _again(end.again)),
        **({} if end.unknown_s is None else _unknown(end.unknown_s, known=end.known)),
    }


def _again(again: Again) -> Mapping[str, Any]:
    """What is remembered of an attempt, and for how long its job is held."""
    return {
        "outcome": again.outcome,
        "failure": None if again.error is None else json(again.error),
        "after_ms": None if again.after_s is None else ceil(again.after_s * 1000),
    }


def _unknown(for_s: float, *, known: bool) -> Mapping[str, Any]:
    """For how long a job is held whose handler no node knows, or none that may run it."""
    return {"held": HoldReason.NO_NODE, "known": int(known), "after_ms": ceil(for_s * 1000)}


def success(end: Settlement) -> Mapping[str, Any]:
    """The columns of the end of an attempt whose handler returned."""
    return {
        "id": end.id,
        "token": end.token,
        "at": milliseconds(end.at),
        "result": end.result,
        "progress": None if end.progress is None else json(end.progress),
        "bytes": _bytes(end.result),
    }


def cleanup(
    state: Cleanup, tries: CleanupTries | None
) -> tuple[Cleanup, int | None, int | None, int | None, str | None]:
    """The columns of a clean-up after a try; see `rows` for one that waits for its next try."""
    if tries is None:
        return state, None, None, None, None
    error = None if tries.error is None else json(tries.error)
    if tries.next_at is None:
        return state, None, tries.ended, tries.allowed, error
    return Cleanup.FAILED, milliseconds(tries.next_at), tries.ended, tries.allowed, error


def page(written: Written) -> Mapping[str, Any]:
    """The columns of a page of a job's log; each of its blocks is a time, a stream and a text."""
    page = written.page
    blocks = [(milliseconds(block.at), block.stream, block.text) for block in page.blocks]
    return {
        "id": written.job_id,
        "token": written.token,
        "slot": page.slot,
        "page": page.number,
        "place": page.offset,
        "bytes": page.size,
        "blocks": orjson.dumps(blocks).decode(),
    }


def schedule(of: Schedule) -> str:
    """A schedule as one argument; it has more columns than a statement has parameters."""
    plan, timing = of.plan, of.plan.timing
    row = {
        "uid": of.key.uid,
        "name": of.key.name,
        "id": of.id,
        "task": plan.task,
        "hook": plan.hook,
        "cron": timing.cron,
        "every_s": timing.every_s,
        "phase_s": timing.phase_s,
        "timezone": timing.timezone,
        "start_at": timing.start_at and milliseconds_up(timing.start_at),
        "end_at": maybe_milliseconds(timing.end_at),
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
        "undoable": of.undoable,
        "needs": lane_of(of.needs) or None,
        "set_by": of.set_by,
        "token_id": of.token_id,
        "created_at": milliseconds(of.created_at),
        "changed_at": milliseconds(of.changed_at),
        "cursor_at": milliseconds(of.cursor),
        "next_at": of.next_at and milliseconds_up(of.next_at),
        "data": plan.data,
    }
    return batch([row])


def occurrence(of: Schedule, each: Occurrence) -> Mapping[str, Any]:
    """The columns of an occurrence."""
    return {
        "schedule_id": of.id,
        "uid": of.key.uid,
        "schedule": of.key.name,
        "scheduled_for": milliseconds(each.scheduled_for),
        "at": milliseconds(each.at),
        "job_id": each.job_id,
        "skipped": each.skipped,
        "count": each.count,
    }


def audit_record(record: AuditRecord) -> Mapping[str, Any]:
    """The columns of a record of the audit log."""
    return {
        "id": record.id,
        "at": milliseconds(record.at),
        "action": record.action,
        "actor": record.actor,
        "actor_kind": record.actor_kind,
        "token_id": record.token_id,
        "role": record.role,
        "client": record.client,
        "uid": record.uid,
        "target": record.target,
        "count": record.count,
        "detail": orjson.dumps(record.detail).decode(),
    }


def replacement(new: NewJob, record: AuditRecord) -> Mapping[str, Any]:
    """A record of the abort of a job that a new one replaces, and what says which one that is."""
    return {**audit_record(record), **unique(new), "id": record.id}


def _bytes(text: str | None) -> int:
    """The bytes that a text adds to a page of jobs."""
    return 0 if text is None else len(text.encode())
