"""Rows that statements return, as the objects of `job.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.principal import ActorKind, Role
from scheduler.core.access.session import Session
from scheduler.core.access.token import Token
from scheduler.core.dependencies.declaration import After, AfterIf, Predecessor
from scheduler.core.dependencies.resolving import AbortedJob, EndedPredecessor
from scheduler.core.job import (
    ATTEMPTS_KEPT,
    Abort,
    AttemptOutcome,
    AttemptRecord,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Failure,
    FailureKind,
    Hold,
    HoldReason,
    Job,
    LetGo,
    Line,
    NewJob,
    Node,
    OnConflict,
    Progress,
    Purpose,
    Status,
    Submission,
    Unique,
    WaitingJob,
)
from scheduler.core.job_log import Block, LogPage, LogStream
from scheduler.core.pause import Pause, PauseKind
from scheduler.core.places.labels import ANYWHERE, needs_of
from scheduler.core.policy import waiting_cleanup
from scheduler.core.ports.limiter_store import LimiterJob
from scheduler.core.ports.schedule_store import Standing
from scheduler.core.rerun import Reran, Rerunnable
from scheduler.core.schedules.firing import Unfinished
from scheduler.core.schedules.schedule import (
    Misfire,
    Occurrence,
    Overlap,
    Plan,
    Schedule,
    ScheduleKey,
    SkipReason,
)
from scheduler.core.schedules.timing import Timing
from scheduler.core.statistics import FinishedCount, JobCounts
from scheduler.core.webhook import CallStatus, Event, HookCall
from scheduler.store.arguments import EPOCH, MILLISECOND
from scheduler.store.database import Row


def job(row: Row) -> Job:
    """The job in a row with all columns."""
    # A row of SQLite looks for a name among all names, which takes longer than all else here.
    row = dict(zip(row.keys(), row, strict=True))
    return Job(
        **_submitted(row),
        id=row["id"],
        status=Status(row["status"]),
        result=row["result"],
        error=_failure(row["error"]),
        progress=_progress(row["progress"]),
        attempt=row["attempt"],
        token=row["token"],
        node=row["node"],
        owner=row["owner"],
        submitted_by=row["submitted_by"],
        created_at=instant(row["created_at"]),
        started_at=_maybe_instant(row["started_at"]),
        finished_at=_maybe_instant(row["finished_at"]),
        abort=abort(row),
        priority=row["priority"],
        start_within_s=row["start_within_s"],
        max_attempts=row["max_attempts"],
        hook_retries=bool(row["hook_retries"]),
        past=_past(row["attempts"]),
        revision=row["revision"],
        rerun_of=row["rerun_of"],
        needs=needs_of(row["needs"]),
        after=row["predecessors"] and _after(row["predecessors"], row["after_if"]),
        awaited=row["awaited"] is not None,
        group=row["group_name"],
        schedule=row["schedule"],
        scheduled_for=_maybe_instant(row["scheduled_for"]),
        unique=_unique(row),
        replaces=row["replaces"],
        replaced_by=row["replaced_by"],
        **times(row),
    )


def stored(new: NewJob, row: Row) -> Job:
    """A new job, from the row in which it was stored."""
    return replace(
        new.stored(**times(row)),
        replaces=row["replaces"] if new.unique is not None else None,
    )


def times(row: Row) -> dict[str, Any]:
    """When a job may run, from a row with the columns that say so; most say little."""
    if row["run_at"] is None and row["held"] is None:
        return {"eligible_at": _maybe_instant(row["eligible_at"])}
    return {
        "run_at": _maybe_instant(row["run_at"]),
        "eligible_at": _maybe_instant(row["eligible_at"]),
        "hold": _hold(row),
    }


def line(row: Row) -> Line:
    """A user who has jobs that wait."""
    return Line(waiting_job(row), row["running"], row["status"] != Status.QUEUED)


def aborted_job(row: Row) -> AbortedJob:
    """A job that was aborted because of one that it waited for."""
    return AbortedJob(row["id"], row["uid"], row["task"], row["abort_reason"])


def waiting_job(row: Row) -> WaitingJob:
    """The job in a row of one that waits."""
    return WaitingJob(row["id"], row["uid"], row["turn_at"], row["needs"] or ANYWHERE)


def released_job(row: Row) -> WaitingJob:
    """The job, or the clean-up, in a row of one that waits since its node died."""
    job = waiting_job(row)
    return job if row["cleanup"] is None else waiting_cleanup(job.id, job.lane)


def let_go(found: Sequence[Row]) -> LetGo:
    """The jobs in rows of those that were let go: `held` says which wait for a time."""
    return LetGo(
        waiting=[waiting_job(row) for row in found if row["held"] is None],
        timed=[waiting_job(row) for row in found if row["held"] is not None],
    )


def limiter_job(row: Row) -> LimiterJob:
    """The job in a row of one that waits and may have limiters."""
    return LimiterJob(waiting_job(row), row["task"], row["data"])


def rerunnable(row: Row) -> Rerunnable:
    """The job in a row that can be run again."""
    return Rerunnable(row["id"], row["uid"], row["bytes"])


def ended_predecessor(row: Row) -> EndedPredecessor:
    """The job in a row, as one that another comes after."""
    return EndedPredecessor(
        id=row["id"],
        status=Status(row["status"]),
        error=_failure(row["error"]),
        chars=row["chars"],
        result=row["result"],
    )


def reran(row: Row) -> Reran:
    """The job in a row, which is a re-run."""
    return Reran(row["rerun_of"], row["uid"], row["id"])


def abort(row: Row) -> Abort | None:
    """The abort in a row with the columns of a job's abort; None where none is requested."""
    if row["abort_requested_at"] is None:
        return None
    ended = row["status"] == Status.ABORTED
    return Abort(
        requested_at=instant(row["abort_requested_at"]),
        by=row["abort_by"],
        reason=row["abort_reason"],
        grace_s=row["abort_grace_s"],
        finished_at=instant(row["finished_at"]) if ended else None,
        death=None if row["abort_processes"] is None else _death(row),
        cleanup=_cleanup(row),
        tries=CleanupTries(
            ended=row["cleanup_tries"],
            allowed=row["cleanup_tries_max"],
            next_at=_maybe_instant(row["cleanup_due_at"]),
            error=_failure(row["cleanup_error"]),
        ),
    )


def claim(row: Row) -> Claim:
    """The claim in a row of claim.sql or claims_of.sql: by position, as each job is claimed."""
    (
        job_id,
        uid,
        task,
        data,
        hook,
        parent,
        traceparent,
        attempt,
        token,
        status,
        cleanup_tries,
        eligible_at,
        max_attempts,
        attempts_used,
        needs,
        unknown_ms,
        predecessors,
        after_if,
        schedule,
        scheduled_for,
    ) = row
    return Claim(
        uid=uid,
        task=task,
        data=data,
        hook=hook,
        parent=parent,
        id=job_id,
        traceparent=traceparent,
        attempt=attempt,
        token=token,
        purpose=Purpose.RUN if status == Status.RUNNING else Purpose.CLEAN,
        cleanup_tries=cleanup_tries,
        eligible_at=_maybe_instant(eligible_at),
        max_attempts=max_attempts,
        attempts_used=attempts_used,
        needs=needs_of(needs) if needs else (),
        unknown_s=None if unknown_ms is None else unknown_ms / 1000,
        after=None if predecessors is None else _after(predecessors, after_if),
        schedule=schedule,
        scheduled_for=_maybe_instant(scheduled_for),
    )


def pause(row: Row) -> Pause:
    """The pause in a row."""
    return Pause(
        kind=PauseKind(row["kind"]),
        name=row["name"],
        reason=row["reason"],
        until=_maybe_instant(row["until"]),
        paused_at=instant(row["paused_at"]),
        by=row["paused_by"],
    )


def schedule(row: Row) -> Schedule:
    """The schedule in a row."""
    return Schedule(
        key=ScheduleKey(row["uid"], row["name"]),
        id=row["id"],
        plan=Plan(
            timing=Timing(
                cron=row["cron"],
                every_s=row["every_s"],
                phase_s=row["phase_s"],
                timezone=row["timezone"],
                start_at=_maybe_instant(row["start_at"]),
                end_at=_maybe_instant(row["end_at"]),
            ),
            task=row["task"],
            data=row["data"],
            hook=row["hook"],
            jitter_s=row["jitter_s"],
            misfire=Misfire(row["misfire"]),
            catchup_s=row["catchup_s"],
            overlap=Overlap(row["overlap"]),
            paused=bool(row["paused"]),
            note=row["note"],
            pause_after_failures=row["pause_after_failures"],
            remaining=row["remaining"],
            priority=row["priority"],
            max_attempts=row["max_attempts"],
        ),
        undoable=bool(row["undoable"]),
        needs=needs_of(row["needs"]),
        set_by=row["set_by"],
        token_id=row["token_id"],
        created_at=instant(row["created_at"]),
        changed_at=instant(row["changed_at"]),
        cursor=instant(row["cursor_at"]),
        next_at=_maybe_instant(row["next_at"]),
        revision=row["revision"],
    )


def standing(row: Row) -> Standing:
    """A schedule, and how it stands, in a row."""
    return Standing(
        now=instant(row["now"]),
        schedule=None if row["id"] is None else schedule(row),
        unfinished=Unfinished(row["unfinished"], row["held_jobs"]),
        paused=bool(row["held_up"]),
    )


def occurrence(row: Row) -> Occurrence:
    """The occurrence in a row, with where its job stands."""
    return Occurrence(
        scheduled_for=instant(row["scheduled_for"]),
        at=instant(row["at"]),
        job_id=row["job_id"],
        skipped=None if row["skipped"] is None else SkipReason(row["skipped"]),
        count=row["count"],
        job_status=None if row["status"] is None else Status(row["status"]),
    )


def node(row: Row) -> Node:
    """The node in a row."""
    return Node(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        workers=row["workers"],
        tasks=tuple(orjson.loads(row["tasks"])),
        running=row["running"],
        beat=row["beat"],
        started_at=instant(row["started_at"]),
        labels=needs_of(row["labels"]),
        only=needs_of(row["only_for"]),
        tzdata=row["tzdata"],
    )


def job_counts(row: Row, held: Mapping[str, int]) -> JobCounts:
    """How many jobs wait, are held and run."""
    since = row["oldest_queued_at"]
    return JobCounts(
        queued=row["queued"],
        running=row["running"],
        oldest_queued_s=None if since is None else max(0, row["now"] - since) / 1000,
        held=held,
    )


def finished_count(row: Row) -> FinishedCount:
    """How many jobs ended within one step."""
    return FinishedCount(instant(row["at"]), Status(row["status"]), row["jobs"])


def call(row: Row) -> HookCall:
    """The hook call in a row. What tells of an attempt is stored as its payload."""
    told = orjson.loads(row["payload"]) if row["event"] == Event.RETRIED else None
    return HookCall(
        id=row["id"],
        job_id=row["job_id"],
        event=Event(row["event"]),
        payload=row["payload"] if told is None else None,
        status=CallStatus(row["status"]),
        tries=row["tries"],
        created_at=instant(row["created_at"]),
        due_at=_maybe_instant(row["due_at"]),
        answer=row["answer"],
        attempt=None if told is None else _attempt(told),
        next_attempt_at=None if told is None else instant(told["due_at"]),
    )


def token(row: Row) -> Token:
    """The token in a row."""
    return Token(
        id=row["id"],
        digest=row["digest"],
        name=row["name"],
        role=Role(row["role"]),
        uids=tuple(orjson.loads(row["uids"])),
        created_at=instant(row["created_at"]),
        created_by=row["created_by"],
        expires_at=_maybe_instant(row["expires_at"]),
        revoked_at=_maybe_instant(row["revoked_at"]),
        used_at=_maybe_instant(row["used_at"]),
    )


def session(row: Row) -> Session:
    """The session in a row."""
    return Session(
        digest=row["digest"],
        token_id=row["token_id"],
        created_at=instant(row["created_at"]),
        used_at=instant(row["used_at"]),
    )


def audit_record(row: Row) -> AuditRecord:
    """The record of the audit log in a row."""
    return AuditRecord(
        id=row["id"],
        at=instant(row["at"]),
        action=row["action"],
        actor=row["actor"],
        actor_kind=None if row["actor_kind"] is None else ActorKind(row["actor_kind"]),
        token_id=row["token_id"],
        role=None if row["role"] is None else Role(row["role"]),
        client=row["client"],
        uid=row["uid"],
        target=row["target"],
        count=row["count"],
        detail=orjson.loads(row["detail"]),
    )


def page(row: Row) -> LogPage:
    """The log page in a row."""
    blocks = (
        Block(instant(at), LogStream(stream), text)
        for at, stream, text in orjson.loads(row["blocks"])
    )
    return LogPage(row["page"], row["place"], tuple(blocks))


def _submitted(row: Row) -> dict[str, Any]:
    """The fields of the submission, which have columns of their names."""
    return {name: row[name] for name in Submission.__slots__}


def _after(predecessors: str, after_if: str) -> After:
    """What a job comes after."""
    named = orjson.loads(predecessors)
    return After(tuple(Predecessor(*each) for each in named), AfterIf(after_if))


def _unique(row: Row) -> Unique | None:
    if row["unique_key"] is None:
        return None
    return Unique(row["unique_key"], OnConflict(row["on_conflict"]))


def _hold(row: Row) -> Hold | None:
    """Why the job is held; a reason that was left on a final one has no meaning."""
    if row["held"] is None or row["status"] != Status.QUEUED:
        return None
    at = row["limiter_opens_at" if row["held"] == HoldReason.THROTTLE else "due_at"]
    return Hold(row["held"], _maybe_instant(at))


def _past(stored: str | None) -> tuple[AttemptRecord, ...]:
    """The attempts after which a job was queued again."""
    if stored is None:
        return ()
    return tuple(_attempt(fields) for fields in orjson.loads(stored)[-ATTEMPTS_KEPT:])


def _attempt(fields: Mapping[str, Any]) -> AttemptRecord:
    """An attempt, from the JSON that is stored of it."""
    return AttemptRecord(
        number=fields["number"],
        node=fields["node"],
        started_at=_maybe_instant(fields["started_at"]),
        finished_at=_maybe_instant(fields["finished_at"]),
        outcome=AttemptOutcome(fields["outcome"]),
        error=_failure(fields["error"]),
    )


def _cleanup(row: Row) -> Cleanup | None:
    """The state of a clean-up; one that waits for its next try is stored as failed."""
    if row["cleanup_due_at"] is not None:
        return Cleanup.PENDING
    return None if row["cleanup"] is None else Cleanup(row["cleanup"])


def _death(row: Row) -> Death:
    return Death(
        signal=row["abort_signal"],
        processes=row["abort_processes"],
        survivors=row["abort_survivors"],
    )


def _failure(stored: str | None) -> Failure | None:
    if stored is None:
        return None
    fields = orjson.loads(stored)
    return Failure(**{**fields, "kind": FailureKind(fields["kind"])})


def _progress(stored: str | None) -> Progress | None:
    return None if stored is None else Progress(**orjson.loads(stored))


@lru_cache(maxsize=64)  # jobs that are stored together have their times in common
def instant(stored: int) -> datetime:
    """The instant that is stored."""
    return EPOCH + stored * MILLISECOND


def _maybe_instant(stored: int | None) -> datetime | None:
    return None if stored is None else instant(stored)
