"""Jobs, nodes and handlers as JSON documents: each key of the API's contract, in its order.

`data` and `result` are JSON text already: they are spliced in, never parsed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.token import Token
from scheduler.core.change import Change
from scheduler.core.dependencies.groups import Group
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    ATTEMPTS_KEPT,
    Abort,
    AttemptRecord,
    Cleanup,
    CleanupTries,
    Failure,
    Hold,
    HoldReason,
    Job,
    JsonText,
    Node,
    Progress,
)
from scheduler.core.job_log import Line
from scheduler.core.limits.declaration import ThrottleRule
from scheduler.core.pause import Pause
from scheduler.core.quotas.quota import Usage
from scheduler.core.rerun import ManyReruns
from scheduler.core.retries.deciding import shortened
from scheduler.core.retries.declaration import RetryRule
from scheduler.core.webhook import HookCall

Document = dict[str, Any]


def job_document(job: Job) -> Document:
    """A job as its user gets it."""
    started_at, finished_at = _instant_or_none(job.started_at), _instant_or_none(job.finished_at)
    return {
        "id": job.id,
        "uid": job.uid,
        "status": job.status,
        "task": job.task,
        "data": orjson.Fragment(job.data),
        "hook": job.hook,
        "parent": job.parent,
        "result": _spliced(job.result),
        "error": _error(job.error),
        "progress": _progress(job.progress),
        "attempt": job.attempt,
        "node": job.node,
        "created_at": instant(job.created_at),
        "started_at": started_at,
        "finished_at": finished_at,
        "abort": None if job.abort is None else _abort(job.abort, job),
        "submitted_by": job.submitted_by,
        "priority": job.priority,
        "run_at": _instant_or_none(job.run_at),
        "start_within_s": job.start_within_s,
        "eligible_at": _instant_or_none(job.eligible_at),
        "waits": None if job.hold is None else _waits(job.hold),
        "rerun_of": job.rerun_of,
        "max_attempts": job.max_attempts,
        "hook_retries": job.hook_retries,
        "needs": job.needs,
        "unique": None if job.unique is None else job.unique._asdict(),
        "replaces": job.replaces,
        "replaced_by": job.replaced_by,
        "schedule": job.schedule,
        "scheduled_for": _instant_or_none(job.scheduled_for),
        "attempts": _attempts(job, started_at, finished_at),
        "after": [] if job.after is None else [each._asdict() for each in job.after.predecessors],
        "after_if": None if job.after is None else job.after.condition,
        "successors": job.successors,
        "group": job.group,
    }


def _attempts(job: Job, started_at: str | None, finished_at: str | None) -> list[Document]:
    """The last attempts. The last of all is cheap, because nearly all jobs have only one."""
    found = [_attempt(each) for each in job.past] if job.past else []
    if job.has_begun:
        found.append(
            {
                "number": job.attempt,
                "node": job.node,
                "started_at": started_at,
                "finished_at": finished_at,
                "outcome": job.last_outcome,
                "error": _error(None if job.error is None else shortened(job.error)),
            }
        )
    return found[-ATTEMPTS_KEPT:]


def _attempt(attempt: AttemptRecord) -> Document:
    return {
        "number": attempt.number,
        "node": attempt.node,
        "started_at": _instant_or_none(attempt.started_at),
        "finished_at": _instant_or_none(attempt.finished_at),
        "outcome": attempt.outcome,
        "error": _error(None if attempt.error is None else shortened(attempt.error)),
    }


def _waits(hold: Hold) -> Document:
    # When a node looks again does not say when one comes.
    if hold.reason == HoldReason.NO_NODE:
        return {"for": hold.reason, "until": None, "missing": list(hold.missing)}
    waits = {"for": hold.reason, "until": _instant_or_none(hold.until)}
    if hold.pause is None:
        return waits
    kind, name = hold.pause
    return {**waits, "pause": {"kind": kind, "name": name, "reason": hold.why, "by": hold.by}}


def group_document(group: Group) -> Document:
    """How many jobs of a group stand how."""
    return {
        "uid": group.uid,
        "group": group.name,
        "jobs": group.jobs,
        "ended": group.ended,
        "is_exact": group.is_exact,
        "counts": {status.value: count.jobs for status, count in group.counts.items()},
        "held": group.held,
    }


def pause_document(pause: Pause) -> Document:
    """A pause."""
    return {
        "kind": pause.kind,
        "name": pause.name,
        "reason": pause.reason,
        "until": _instant_or_none(pause.until),
        "paused_at": instant(pause.paused_at),
        "by": pause.by,
    }


def call_document(call: HookCall) -> Document:
    """A call of a hook, with the result of its last try."""
    return {
        "id": call.id,
        "event": call.event,
        "status": call.status,
        "tries": call.tries,
        "answer": call.answer,
        "created_at": instant(call.created_at),
        "due_at": _instant_or_none(call.due_at),
    }


def reruns_document(reruns: ManyReruns) -> Document:
    """The jobs that one request ran again, or would."""
    return {
        "count": len(reruns.jobs),
        "jobs": [{"rerun_of": each.of, "uid": each.uid, "id": each.id} for each in reruns.jobs],
        "more": reruns.more,
    }


def job_outline(job: Job) -> Document:
    """A job without its `data` and `result`, which may be large."""
    document = job_document(job)
    del document["data"], document["result"]
    return document


def progress_document(change: Change) -> Document:
    """The progress of an attempt."""
    return {
        "id": change.job_id,
        "uid": change.uid,
        "attempt": change.attempt,
        "progress": _progress(change.progress),
    }


def line_document(job_id: str, uid: str, line: Line) -> Document:
    """A line that a job printed."""
    return {
        "id": job_id,
        "uid": uid,
        "at": instant(line.at),
        "stream": line.stream,
        "text": line.text,
    }


def node_document(node: Node, pause: Pause | None) -> Document:
    """A live node, and its pause where there is one."""
    return {
        "name": node.name,
        "id": node.id,
        "version": node.version,
        "workers": node.workers,
        "running": node.running,
        "tasks": node.tasks,
        "started_at": instant(node.started_at),
        "tzdata": node.tzdata,
        "paused": None if pause is None else pause_document(pause),
        "labels": node.labels,
        "only": node.only,
    }


def usage_document(usage: Usage) -> Document:
    """What a user uses of its quota."""
    quota = usage.quota
    return {
        "uid": usage.uid,
        "queued": usage.use.queued,
        "queued_is_exact": usage.queued_is_exact,
        "running": usage.use.running,
        "schedules": usage.schedules,
        "pattern": None if quota is None else quota.pattern,
        "limits": None
        if quota is None
        else {
            "queued_max": quota.queued_max,
            "submits_per_s": quota.submits_per_s,
            "running_max": quota.running_max,
            "schedules_max": quota.schedules_max,
        },
        "weight": 1.0 if quota is None else quota.weight,
    }


def task_document(options: HandlerOptions, *, loaded_at: datetime) -> Document:
    """A handler and its options."""
    return {
        "name": options.name,
        "doc": options.doc,
        "timeout_s": options.timeout_s,
        "grace_s": options.grace_s,
        "memory_bytes": options.memory_bytes,
        "on_abort": options.undoable,
        "retry": None if options.retry is None else _retry(options.retry),
        "needs": options.needs,
        "limit": [{"jobs_max": rule.jobs_max, "by": rule.by} for rule in options.limit],
        "throttle": None if options.throttle is None else _throttle(options.throttle),
        "loaded_at": instant(loaded_at),
    }


def _retry(rule: RetryRule) -> Document:
    return {
        "max_attempts": rule.max_attempts,
        "backoff_s": rule.backoff_s,
        "backoff_max_s": rule.backoff_max_s,
        "on": rule.on,
    }


def _throttle(rule: ThrottleRule) -> Document:
    return {
        "jobs_max": rule.jobs_max,
        "per_s": rule.per_s,
        "burst": rule.burst,
        "by": rule.by,
    }


def token_document(token: Token) -> Document:
    """A token without its secret, which nobody knows any more."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "uids": token.uids,
        "created_at": instant(token.created_at),
        "created_by": token.created_by,
        "expires_at": _instant_or_none(token.expires_at),
        "used_at": _instant_or_none(token.used_at),
        "revoked_at": _instant_or_none(token.revoked_at),
    }


def audit_document(record: AuditRecord) -> Document:
    """A record of the audit log."""
    return {
        "id": record.id,
        "at": instant(record.at),
        "action": record.action,
        "actor": record.actor,
        "actor_kind": record.actor_kind,
        "token_id": record.token_id,
        "role": record.role,
        "client": record.client,
        "uid": record.uid,
        "target": record.target,
        "count": record.count,
        "detail": record.detail,
    }


@lru_cache(maxsize=64)  # jobs that are submitted together have their times in common
def instant(at: datetime) -> str:
    """RFC 3339 in UTC with exactly milliseconds, so that the texts sort like the times."""
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def _instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else instant(at)


def _spliced(text: JsonText | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)


def _error(error: Failure | None) -> Document | None:
    if error is None:
        return None
    return {
        "kind": error.kind,
        "type": error.type,
        "message": error.message,
        "traceback": error.traceback,
    }


def _progress(progress: Progress | None) -> Document | None:
    if progress is None:
        return None
    return {
        "done": _shortest(progress.done),
        "total": None if progress.total is None else _shortest(progress.total),
        "message": progress.message,
    }


def _shortest(number: float) -> float:
    """3.0 as 3: a count of files reads better without decimals."""
    return int(number) if float(number).is_integer() and abs(number) < 2**53 else number


def _abort(abort: Abort, job: Job) -> Document:
    death = abort.death
    return {
        "requested_at": instant(abort.requested_at),
        "reason": abort.reason,
        "finished_at": _instant_or_none(abort.finished_at),
        "latency_ms": abort.latency_ms,
        "signal": death.signal if death else None,
        "processes": death.processes if death else None,
        "survivors": death.survivors if death else None,
        "cleanup": abort.cleanup,
        "on_abort": None if abort.cleanup is None else _on_abort(abort.cleanup, abort.tries, job),
        "by": abort.by,
    }


def _on_abort(cleanup: Cleanup, tries: CleanupTries, job: Job) -> Document:
    """How far the handler's `on_abort` is; what is pending runs where the job has an owner."""
    running = cleanup is Cleanup.PENDING and job.owner is not None
    error = tries.error
    return {
        "state": "running" if running else cleanup,
        "tries": tries.ended,
        "tries_max": tries.allowed,
        "next_try_at": _instant_or_none(tries.next_at),
        "error": error and {"kind": error.kind, "type": error.type, "message": error.message},
    }
