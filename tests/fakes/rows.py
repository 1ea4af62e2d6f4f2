"""Jobs as the store in memory keeps them, and the changes of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from scheduler.core.job import (
    ATTEMPTS_KEPT,
    FINAL,
    NOT_TRIED,
    NOTHING_RAN,
    Again,
    AttemptOutcome,
    AttemptRecord,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Hold,
    HoldReason,
    Job,
    JsonText,
    LetGo,
    NewJob,
    Node,
    Purpose,
    Status,
)
from scheduler.core.job_log import LogPage
from scheduler.core.policy import lost_failure, waiting_job
from scheduler.core.ports.store import Retiming
from scheduler.core.rerun import RerunFilter
from scheduler.core.webhook import CallStatus, Event, HookCall


@dataclass
class Row:
    """A job with the columns that only the store uses."""

    job: Job
    undoable: bool
    key: str | None
    fingerprint: str | None
    traceparent: str | None
    rerun_request: str | None = None
    losses: int = 0
    attempts_used: int = 0
    refuses_children: bool = False
    unknown_since: datetime | None = None
    log: dict[int, LogPage] = field(default_factory=dict)
    """By slot."""

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - fields of a Job
        self.job = replace(self.job, **changes)

    @property
    def cleaning(self) -> bool:
        return self.job.abort is not None and self.job.abort.cleanup is Cleanup.PENDING

    @property
    def waits(self) -> bool:
        """Whether it waits for a worker: for a run or for its clean-up."""
        queued = self.job.status is Status.QUEUED and self.job.hold is None
        return queued or self.job.cleanup_waits

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, if no attempt has begun by then."""
        since, within_s = self.job.eligible_at, self.job.start_within_s
        unbegun = self.job.status is Status.QUEUED and not self.job.attempt
        if not unbegun or since is None or within_s is None:
            return None
        return since + timedelta(seconds=within_s)

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def reorder(self, *, priority: int | None, retiming: Retiming | None, now: datetime) -> None:
        job = self.job
        changes: dict[str, Any] = {}
        if priority not in (None, job.priority):
            changes["priority"] = priority
        run_at = retiming and retiming.run_at and whole_ms(retiming.run_at)
        pauses = job.hold is not None and job.hold.reason == HoldReason.RETRY
        if retiming is not None and (pauses or run_at != job.run_at):
            changes |= {"run_at": run_at} | self._retimed(run_at, now)
        if changes:
            self.change(**changes, revision=job.revision + 1)

    def _retimed(self, run_at: datetime | None, now: datetime) -> dict[str, Any]:
        """What another time changes; a job that is held for another reason stays so."""
        reason = None if self.job.hold is None else self.job.hold.reason
        timed = {HoldReason.RUN_AT, HoldReason.RETRY, HoldReason.NO_NODE}
        if reason not in {None, HoldReason.PAUSED, HoldReason.LIMIT, HoldReason.THROTTLE, *timed}:
            return {}
        if run_at is not None and run_at > now:
            return {"hold": Hold(HoldReason.RUN_AT, run_at), "eligible_at": None}
        return {"hold": None, "eligible_at": now} if reason in timed else {}

    def hold_unknown(self, for_s: float, now: datetime, *, known: bool) -> None:
        """Hold it for a while: no node knows its handler, or none that may run it."""
        self.unknown_since = None if known else self.unknown_since or now
        self.change(hold=Hold(HoldReason.NO_NODE, now + timedelta(seconds=for_s)))

    def promote(self, *, since: datetime | None) -> None:
        if self.job.hold is not None and self.job.hold.reason == HoldReason.NO_NODE:
            since = self.job.eligible_at
        self.change(hold=None, eligible_at=since, revision=self.job.revision + 1)

    def let_go(self, now: datetime) -> None:
        """Hold it for its time, if that has not come; else for nothing."""
        later = self.job.run_at is not None and self.job.run_at > now
        hold = Hold(HoldReason.RUN_AT, self.job.run_at) if later else None
        self.change(hold=hold, eligible_at=None if later else now, revision=self.job.revision + 1)

    @property
    def next_try_at(self) -> datetime | None:
        """When the next try of its clean-up is due."""
        return None if self.job.abort is None else self.job.abort.tries.next_at

    @property
    def holds_key(self) -> bool:
        """Whether no other job with its unique key may begin: it is not over."""
        return self.job.unique is not None and not self.job.over

    @property
    def left_undone(self) -> bool:
        return self.job.abort is not None and self.job.abort.cleanup is Cleanup.FAILED

    def resume_cleanup(self) -> None:
        assert self.job.abort is not None
        tries = replace(self.job.abort.tries, next_at=None)
        self.change(abort=replace(self.job.abort, tries=tries))

    def finish_abort(self, *, at: datetime, death: Death) -> None:
        """Become aborted; the clean-up is pending if an attempt began and the job is undoable."""
        cleanup = Cleanup.PENDING if self.undoable and self.job.attempt else None
        abort = self.job.abort and replace(
            self.job.abort, finished_at=at, death=death, cleanup=cleanup
        )
        self.losses = 0
        self.change(status=Status.ABORTED, owner=None, finished_at=at, abort=abort, hold=None)

    def fits(self, which: RerunFilter) -> bool:
        """Whether it is over, and one of those that are to be run again."""
        job, error = self.job, self.job.error
        ended = job.finished_at
        return (
            job.over
            and which.uid in (None, job.uid)
            and job.task in which.tasks
            and job.status in which.statuses
            and (not which.error_kinds or (error and error.kind) in which.error_kinds)
            and (which.since is None or (ended is not None and ended >= which.since))
        )

    def unaborted(self, grace_s: float | None) -> bool:
        """Whether an abort with this grace period would change it."""
        abort = self.job.abort
        if self.job.status in FINAL or abort is None:
            return self.job.status not in FINAL
        return grace_s is not None and (abort.grace_s is None or grace_s < abort.grace_s)

    def requeue(self, *, begun: bool = True) -> None:
        attempt = self.job.attempt if begun else self.job.attempt - 1
        self.change(status=Status.QUEUED, owner=None, started_at=None, attempt=attempt)

    def remember(self, again: Again, *, at: datetime, now: datetime) -> None:
        """Remember an attempt after which it is queued again; one that failed is used up."""
        job = self.job
        record = AttemptRecord(
            number=job.attempt,
            node=job.node,
            started_at=job.started_at,
            finished_at=at,
            outcome=again.outcome,
            error=again.error,
        )
        self.change(past=(*job.past, record)[-ATTEMPTS_KEPT:])
        if again.after_s is not None:
            until = now + timedelta(seconds=again.after_s)
            self.change(hold=Hold(HoldReason.RETRY, until), eligible_at=None)
            self.attempts_used += 1

    def set_cleanup(self, cleanup: Cleanup, tries: CleanupTries | None = None) -> None:
        assert self.job.abort is not None
        kept = self.job.abort.tries if tries is None else tries
        self.change(owner=None, abort=replace(self.job.abort, cleanup=cleanup, tries=kept))


def new_row(new: NewJob, now: datetime) -> Row:
    order = new.order
    run_at = order.run_at and whole_ms(order.run_at)
    if order.delay_s is not None:
        run_at = now + timedelta(seconds=order.delay_s)
    hold = Hold(HoldReason.RUN_AT, run_at) if run_at is not None and run_at > now else None
    if new.waits:
        hold = Hold(HoldReason.AFTER, None)
    job = new.stored(run_at=run_at, eligible_at=None if hold else now, hold=hold)
    request = new.rerun and new.rerun.request
    return Row(job, new.undoable, new.idempotency_key, new.fingerprint, new.traceparent, request)


def whole_ms(at: datetime) -> datetime:
    """As a store keeps it, never before that."""
    return at + timedelta(microseconds=-at.microsecond % 1000)


def claim_of(row: Row, node: Node, at: datetime, now: datetime | None = None) -> Claim:
    row.change(owner=node.id, token=row.job.token + 1, revision=0)
    if row.job.status is Status.QUEUED:
        row.change(
            status=Status.RUNNING,
            node=node.name,
            attempt=row.job.attempt + 1,
            started_at=at,
            progress=None,
        )
    return claim_as_it_is(row, now)


def claim_as_it_is(row: Row, now: datetime | None = None) -> Claim:
    """The claim by which a job is held now."""
    since = row.unknown_since
    job = row.job
    return Claim(
        **job.submitted(),
        id=job.id,
        traceparent=row.traceparent,
        attempt=job.attempt,
        token=job.token,
        purpose=Purpose.RUN if job.status is Status.RUNNING else Purpose.CLEAN,
        cleanup_tries=0 if job.abort is None else job.abort.tries.ended,
        eligible_at=job.eligible_at,
        max_attempts=job.max_attempts,
        attempts_used=row.attempts_used,
        needs=job.needs,
        unknown_s=None if since is None or now is None else (now - since).total_seconds(),
        after=job.after,
        schedule=job.schedule,
        scheduled_for=job.scheduled_for,
    )


def release(row: Row, *, losses_max: int, at: datetime) -> bool:
    """Take a job back from a node that is gone; true if it became final."""
    row.unknown_since = None
    if row.job.status is Status.RUNNING and row.job.abort is not None:
        row.finish_abort(at=at, death=NOTHING_RAN)
        return True
    row.losses += 1
    if row.job.status is Status.ABORTED:
        tries = row.job.abort.tries if row.job.abort else NOT_TRIED
        if row.losses < losses_max:
            row.set_cleanup(Cleanup.PENDING)
        else:
            row.set_cleanup(Cleanup.FAILED, replace(tries, error=lost_failure(losses_max)))
        return False
    if row.losses < losses_max:
        row.remember(Again(outcome=AttemptOutcome.LOST), at=at, now=at)
        row.requeue()
        return False
    error = lost_failure(losses_max)
    row.change(status=Status.TERMINATED, owner=None, error=error, finished_at=at)
    return True


def call_of(
    job_id: str,
    at: datetime,
    *,
    ended_at: datetime | None = None,
    id_: str | None = None,
    event: Event = Event.ENDED,
    payload: JsonText | None = None,
) -> HookCall:
    """A call that is due: for the job's end, or with what its handler notified."""
    return HookCall(
        id=id_ or job_id,
        job_id=job_id,
        event=event,
        payload=payload,
        status=CallStatus.DUE,
        tries=0,
        created_at=at,
        due_at=min(at, ended_at or at),
        answer=None,
    )


def call_of_retry(job: Job, at: datetime, *, ended_at: datetime) -> HookCall:
    """A call that is due for the last attempt of a job, which failed."""
    return replace(
        call_of(job.id, at, ended_at=ended_at, id_=f"{job.id}-attempt-{job.attempt}"),
        event=Event.RETRIED,
        attempt=job.past[-1],
        next_attempt_at=job.hold and job.hold.until,
    )


def size_of(job: Job) -> int:
    texts = job.data + (job.result or "")
    return len(texts.encode()) + (len(orjson.dumps(job.error)) if job.error else 0)


def let_go(found: Sequence[Row]) -> LetGo:
    """The jobs that were let go."""
    return LetGo(
        waiting=[waiting_job(row.job) for row in found if row.job.hold is None],
        timed=[waiting_job(row.job) for row in found if row.job.hold is not None],
    )
