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
)
from scheduler.core.job_log import Written
from scheduler.core.places.labels import lane_of
from scheduler.core.quotas.quota import Quota
from scheduler.core.rerun import RerunFilter

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
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
    return {
        **new.submitted(),
        "claimer": claimer,
        "id": new.id,
        "traceparent": new.traceparent,
        "bytes": _bytes(new.data),
        "undoable": new.undoable,
        "submitted_by": new.submitted_by,
        "created_at": milliseconds(new.created_at),
        "idempotency_key": new.idempotency_key,
        "fingerprint": new.fingerprint,
        **({} if new.order is AT_ONCE else {"order": order(new.order)}),
        **({} if new.rerun is None else {"rerun": new.rerun._asdict()}),
    }


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


def place(node: Node) -> Mapping[str, str]:
    """The columns that say what a node runs."""
    return {"labels": lane_of(node.labels), "only_for": lane_of(node.only)}


def places(before: Mapping[str, int]) -> str:
    """By job, how many jobs of its user are to be claimed before it."""
    return orjson.dumps(before).decode()


def limits(running_max: Mapping[str, int | None]) -> str:
    """By uid or pattern, how many jobs of a user may run; null for any number."""
    return orjson.dumps({key: {"running_max": most} for key, most in running_max.items()}).decode()


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
        **({} if end.unknown_s is None else _unknown(end.unknown_s)),
    }


def _again(again: Again) -> Mapping[str, Any]:
    """What is remembered of an attempt, and for how long its job is held."""
    return {
        "outcome": again.outcome,
        "failure": None if again.error is None else json(again.error),
        "after_ms": None if again.after_s is None else ceil(again.after_s * 1000),
    }


def _unknown(for_s: float) -> Mapping[str, Any]:
    """For how long a job is held whose handler no node knows."""
    return {"held": HoldReason.NO_NODE, "after_ms": ceil(for_s * 1000)}


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


def _bytes(text: str | None) -> int:
    """The bytes that a text adds to a page of jobs."""
    return 0 if text is None else len(text.encode())
