"""Reads the API's JSON into values. A key that a newer node adds is ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from atlanscheduler_client.shapes import (
    Abort,
    Aborts,
    AfterIf,
    Attempt,
    AttemptOutcome,
    AuditRecord,
    Cleanup,
    CleanupState,
    DeletedSchedule,
    Failure,
    FailureKind,
    Group,
    Job,
    JobState,
    LogLine,
    MadeToken,
    Node,
    Occurrence,
    OnAbort,
    OnConflict,
    Pause,
    PauseKind,
    Predecessor,
    Preview,
    Progress,
    RerunOf,
    Reruns,
    Role,
    Schedule,
    Status,
    Task,
    TaskLimit,
    TaskRetry,
    TaskThrottle,
    Token,
    Unique,
    Usage,
    UserLimits,
    Waits,
    WaitsForPause,
)

Document = dict[str, Any]


def job_of(document: Document) -> Job:
    """A job from its JSON."""
    return Job(
        **_state(document),
        data=document["data"],
        result=document["result"],
        deduplicated=document.get("deduplicated", False),
    )


def state_of(document: Document) -> JobState:
    """A job from the JSON of an event."""
    return JobState(**_state(document))


def aborts_of(document: Document) -> Aborts:
    """The counts from their JSON."""
    return Aborts(aborted=document["aborted"], aborting=document["aborting"])


def reruns_of(document: Document) -> Reruns:
    """The jobs that are run again from their JSON."""
    jobs = [
        RerunOf(**{name: each[name] for name in RerunOf.__slots__}) for each in document["jobs"]
    ]
    return Reruns(jobs=jobs, more=document["more"])


def task_of(document: Document) -> Task:
    """A handler from its JSON."""
    later = {"retry", "needs", "limit", "throttle"}  # a node of an earlier version has none
    fields = {name: document[name] for name in Task.__slots__ if name not in later}
    retry, throttle = document.get("retry"), document.get("throttle")
    read = {
        "loaded_at": instant(document["loaded_at"]),
        "retry": retry and _retry_of(retry),
        "needs": tuple(document.get("needs", ())),
        "limit": [_limit_of(each) for each in document.get("limit", ())],
        "throttle": throttle and _throttle_of(throttle),
    }
    return Task(**fields | read)


def node_of(document: Document) -> Node:
    """A node from its JSON."""
    fields: Document = {name: document.get(name) for name in Node.__slots__}
    paused = document.get("paused")  # a node of an earlier version knows no pauses
    started_at = instant(document["started_at"])
    place = {name: tuple(document.get(name, ())) for name in ("labels", "only")}
    read = {"started_at": started_at, "paused": paused and pause_of(paused), **place}
    return Node(**fields | read)


def pause_of(document: Document) -> Pause:
    """A pause from its JSON."""
    fields = {name: document[name] for name in Pause.__slots__}
    return Pause(
        **fields
        | {
            "kind": PauseKind(document["kind"]),
            "until": _instant_or_none(document["until"]),
            "paused_at": instant(document["paused_at"]),
        }
    )


def schedule_of(document: Document) -> Schedule:
    """A schedule from its JSON."""
    return Schedule(**_schedule_fields(document))


def deleted_schedule_of(document: Document) -> DeletedSchedule:
    """A schedule that was deleted, from its JSON."""
    aborts = document.get("aborts")
    return DeletedSchedule(**_schedule_fields(document), aborts=aborts and aborts_of(aborts))


def _schedule_fields(document: Document) -> dict[str, Any]:
    fields = {name: document[name] for name in Schedule.__slots__ if name in document}
    times = ("start_at", "end_at", "created_at", "changed_at")
    return (
        fields
        | {name: _instant_or_none(document[name]) for name in times}
        | {
            "next": [instant(each) for each in document["next"]],
            "recent": [_occurrence(each) for each in document["recent"]],
        }
    )


def preview_of(document: Document) -> Preview:
    """The next times of a schedule from their JSON."""
    fields = {name: document[name] for name in Preview.__slots__}
    times = {name: [instant(each) for each in document[name]] for name in ("next", "local")}
    return Preview(**fields | times)


def usage_of(document: Document) -> Usage:
    """What a user uses from its JSON."""
    fields = {name: document[name] for name in Usage.__slots__ if name in document}
    limits = document["limits"]
    return Usage(**fields | {"limits": limits and _limits_of(limits)})


def token_of(document: Document) -> Token:
    """A token from its JSON."""
    return Token(**_token_fields(document))


def made_token_of(document: Document) -> MadeToken:
    """A token that was just made, from its JSON."""
    return MadeToken(**_token_fields(document), token=document["token"])


def audit_record_of(document: Document) -> AuditRecord:
    """A record of the audit log from its JSON."""
    fields = {name: document[name] for name in AuditRecord.__slots__}
    role = document["role"]
    return AuditRecord(
        **fields | {"at": instant(document["at"]), "role": None if role is None else Role(role)}
    )


def group_of(document: Document) -> Group:
    """How far a group is, from its JSON."""
    fields = {name: document[name] for name in Group.__slots__}
    counts = {Status(status): jobs for status, jobs in document["counts"].items()}
    return Group(**fields | {"counts": counts})


def progress_of(document: Document) -> Progress:
    """Progress from its JSON."""
    return Progress(done=document["done"], total=document["total"], message=document["message"])


def log_line_of(text: str) -> LogLine:
    """A line of a log from its text: the time, the stream, the line."""
    at, stream, line = text.split(" ", 2)
    return LogLine(at=instant(at), stream=stream, text=line)


def instant(text: str) -> datetime:
    """An aware datetime from RFC 3339 text."""
    return datetime.fromisoformat(text)


def _state(document: Document) -> Document:
    return {
        **{name: document[name] for name in ("id", "uid", "task", "hook", "attempt", "node")},
        "parent": document.get("parent"),  # a node of an earlier version has none
        "submitted_by": document.get("submitted_by"),
        "rerun_of": document.get("rerun_of"),
        "status": Status(document["status"]),
        "error": _failure(document["error"]),
        "progress": document["progress"] and progress_of(document["progress"]),
        "created_at": instant(document["created_at"]),
        "started_at": _instant_or_none(document["started_at"]),
        "finished_at": _instant_or_none(document["finished_at"]),
        "abort": _abort(document["abort"]),
        **_order(document),
    }


def _order(document: Document) -> Document:
    """When, in which order and how often it runs; an earlier version says nothing of it."""
    waits = document.get("waits")
    return {
        "priority": document.get("priority", 0),
        "run_at": _instant_or_none(document.get("run_at")),
        "start_within_s": document.get("start_within_s"),
        "eligible_at": _instant_or_none(document.get("eligible_at")),
        "waits": waits and _waits(waits),
        "max_attempts": document.get("max_attempts"),
        "hook_retries": document.get("hook_retries", False),
        "needs": tuple(document.get("needs", ())),
        "unique": _unique(document.get("unique")),
        "replaces": document.get("replaces"),
        "replaced_by": document.get("replaced_by"),
        "schedule": document.get("schedule"),
        "scheduled_for": _instant_or_none(document.get("scheduled_for")),
        "attempts": tuple(_attempt(each) for each in document.get("attempts", ())),
        **_dependencies(document),
    }


def _dependencies(document: Document) -> Document:
    """What it waits for, and what waits for it; an earlier version says nothing of it."""
    condition, successors = document.get("after_if"), document.get("successors")
    return {
        "after": tuple(Predecessor(**each) for each in document.get("after", ())),
        "after_if": None if condition is None else AfterIf(condition),
        "successors": None if successors is None else tuple(successors),
        "group": document.get("group"),
    }


def _occurrence(document: Document) -> Occurrence:
    fields = {name: document[name] for name in Occurrence.__slots__}
    status = document["status"]
    return Occurrence(
        **fields
        | {
            "scheduled_for": instant(document["scheduled_for"]),
            "at": instant(document["at"]),
            "status": None if status is None else Status(status),
        }
    )


def _unique(document: Document | None) -> Unique | None:
    if document is None:
        return None
    return Unique(key=document["key"], on_conflict=OnConflict(document["on_conflict"]))


def _waits(document: Document) -> Waits:
    until, pause = _instant_or_none(document["until"]), document.get("pause")
    return Waits(
        reason=document["for"],
        until=until,
        pause=pause and _waits_for_pause(pause),
        missing=tuple(document.get("missing") or ()),
    )


def _waits_for_pause(document: Document) -> WaitsForPause:
    fields = {name: document[name] for name in WaitsForPause.__slots__}
    return WaitsForPause(**fields | {"kind": PauseKind(document["kind"])})


def _attempt(document: Document) -> Attempt:
    outcome = document["outcome"]
    return Attempt(
        number=document["number"],
        node=document["node"],
        started_at=_instant_or_none(document["started_at"]),
        finished_at=_instant_or_none(document["finished_at"]),
        outcome=None if outcome is None else AttemptOutcome(outcome),
        error=_failure(document["error"]),
    )


def _retry_of(document: Document) -> TaskRetry:
    return TaskRetry(**{name: document[name] for name in TaskRetry.__slots__})


def _limit_of(document: Document) -> TaskLimit:
    return TaskLimit(**{name: document[name] for name in TaskLimit.__slots__})


def _throttle_of(document: Document) -> TaskThrottle:
    return TaskThrottle(**{name: document[name] for name in TaskThrottle.__slots__})


def _limits_of(document: Document) -> UserLimits:
    fields = {name: document[name] for name in UserLimits.__slots__ if name in document}
    return UserLimits(**fields)


def _failure(document: Document | None) -> Failure | None:
    if document is None:
        return None
    return Failure(
        kind=FailureKind(document["kind"]),
        message=document["message"],
        type=document["type"],
        traceback=document.get("traceback"),
    )


def _abort(document: Document | None) -> Abort | None:
    if document is None:
        return None
    fields: Document = {name: document.get(name) for name in Abort.__slots__}
    cleanup, on_abort = document["cleanup"], document.get("on_abort")
    return Abort(
        **fields
        | {
            "requested_at": instant(document["requested_at"]),
            "finished_at": _instant_or_none(document["finished_at"]),
            "cleanup": None if cleanup is None else Cleanup(cleanup),
            "on_abort": None if on_abort is None else _on_abort(on_abort),
        }
    )


def _on_abort(document: Document) -> OnAbort:
    return OnAbort(
        state=CleanupState(document["state"]),
        tries=document["tries"],
        tries_max=document["tries_max"],
        next_try_at=_instant_or_none(document["next_try_at"]),
        error=_failure(document["error"]),
    )


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def _token_fields(document: Document) -> dict[str, Any]:
    fields = {name: document[name] for name in Token.__slots__}
    times = {
        name: None if document[name] is None else instant(document[name])
        for name in ("created_at", "expires_at", "used_at", "revoked_at")
    }
    return {**fields, **times, "role": Role(document["role"])}
