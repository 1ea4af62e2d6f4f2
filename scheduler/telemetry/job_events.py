"""The events of jobs for operators: a log line and a count for each.

Such lines are written only here, so that all of them name the job, user, task and attempt, and none
of them contains what a user sent, except where the message of an exception quotes it. `log_lines`
adds the node's name. The jobs of a lot share a line where they differ in nothing else: to write it
takes longer than such a job. A job that failed has a line of its own, at the level `error`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import structlog

from scheduler.core.cleanup import CleanupEnd
from scheduler.core.dependencies.resolving import AbortedJob
from scheduler.core.job import (
    Abort,
    Again,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Failure,
    Job,
    Purpose,
    Settlement,
    Status,
)
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Released
from scheduler.core.webhook import CallStatus, HookCall, Verdict
from scheduler.telemetry.failures import MESSAGE_CHARS_MAX, cut, failure_fields
from scheduler.telemetry.metrics import Metrics

TEXTS: Final[Mapping[Status, str]] = {
    Status.QUEUED: "job given back",
    Status.SUCCESSFUL: "job successful",
    Status.TERMINATED: "job terminated",
    Status.ABORTED: "job aborted",
}

LEFT_UNDONE: Final = "clean-up failed"
RETRIED: Final = "attempt failed, and the job is tried again"
IDS_OF_LINE_MAX: Final = 100
"""Docker and containerd cut lines at 16 KiB."""


class JobEvents:
    """Logs and counts what happens to jobs on a node."""

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._log = structlog.get_logger().bind()  # reads the configuration now, once
        self._started: dict[str, float] = {}

    def refused(self, policy: str) -> None:
        """A submission, or a schedule, was refused by this policy of a quota.

        No log line: there may be many.
        """
        self._metrics.refused(policy).inc()

    def claimed(self, claims: Sequence[Claim]) -> None:
        """This node claimed jobs, to run them or to clean up after them."""
        lines = defaultdict[tuple[Purpose, _Kin], list[Claim]](list)
        for claim in claims:
            lines[claim.purpose, _kin(claim)].append(claim)
        for (purpose, _), alike in lines.items():
            text = "job claimed" if purpose is Purpose.RUN else "clean-up claimed"
            self._log.info(text, **_fields(*alike))

    def started(self, claim: Claim) -> None:
        """A pool process begins to run the handler."""
        if claim.purpose is Purpose.RUN:
            self.ran(claim, for_s=0.0)

    def ran(self, claim: Claim, *, for_s: float) -> None:
        """The handler of a job has been running for so long."""
        self._started[claim.id] = self._clock.monotonic() - for_s
        if claim.attempt == 1:
            waited_s = self._clock.now().timestamp() - for_s - _eligible_s(claim)
            self._metrics.waiting(claim.task).observe(max(0, waited_s))

    def ended(self, ends: Iterable[tuple[Claim, Settlement]]) -> None:
        """Attempts have ended, and their outcomes are stored."""
        lines = defaultdict[tuple[Status, _Kin], list[Claim]](list)
        now = self._clock.monotonic()
        for claim, settlement in ends:
            if settlement.retried:
                self._retried(claim, settlement.again)
            elif settlement.error is None:
                lines[settlement.status, _kin(claim)].append(claim)
            else:
                self._metrics.jobs(claim.task, settlement.status).inc()
                self._failed(_fields(claim), settlement.error)
            if (started := self._started.pop(claim.id, None)) is not None:
                self._metrics.running(claim.task).observe(now - started)
        for (status, _), alike in lines.items():
            self._metrics.jobs(alike[0].task, status).inc(len(alike))
            if status is not Status.ABORTED:  # `aborted` has more to say of each
                self._log.info(TEXTS[status], **_fields(*alike))

    def _retried(self, claim: Claim, again: Again | None) -> None:
        """An attempt failed, and another one follows."""
        if again is not None and again.error is not None:
            self._metrics.retries(claim.task).inc()
            fields = {**_fields(claim), **failure_fields(again.error)}
            self._log.warning(RETRIED, **fields, next_attempt_in_s=round(again.after_s or 0, 1))

    def _failed(self, fields: Mapping[str, object], error: Failure) -> None:
        self._log.error(TEXTS[Status.TERMINATED], **fields, **failure_fields(error))

    def taken_over(self, claim: Claim) -> None:
        """An attempt ended here after another node had taken the job over or settled it."""
        self._started.pop(claim.id, None)
        text = "job taken over" if claim.purpose is Purpose.RUN else "clean-up taken over"
        self._log.warning(text, **_fields(claim))

    def failed_in_drain(self, claim: Claim) -> None:
        """An attempt failed after its node was told to end; the job is given back."""
        self._log.warning("a job failed while its node drains: it runs again", **_fields(claim))

    def claim_lost(self, claim: Claim) -> None:
        """The store says that this node holds a job it does not know of; the job is given back."""
        self._log.warning("a claim was lost on its way here", **_fields(claim))

    def notified_too_often(self, claim: Claim) -> None:
        """An attempt exceeded its number of notifications; further ones are dropped."""
        self._log.warning("notifications are dropped: the job has too many", **_fields(claim))

    def survived_kill(self, claim: Claim, death: Death) -> None:
        """An attempt was killed, but some of its processes are still alive."""
        self._log.error("processes outlive SIGKILL", **_fields(claim), survivors=death.survivors)

    def aborted(self, claim: Claim, abort: Abort | None) -> None:
        """An abort was completed on this node; None where the store is away and cannot say how."""
        self._log.info(TEXTS[Status.ABORTED], **_fields(claim), **_abort_fields(abort))
        if abort is not None and abort.latency_ms is not None and abort.death is not None:
            signal = abort.death.signal or "none"
            self._metrics.aborts(signal).observe(abort.latency_ms / 1000)

    def aborted_in_queue(self, job: Job) -> None:
        """A job was aborted while it was queued."""
        self._log.info(TEXTS[Status.ABORTED], **_fields_of(job), **_abort_fields(job.abort))

    def aborted_after_others(self, jobs: Iterable[AbortedJob]) -> None:
        """Jobs were aborted because others that they wait for did not end as they have to."""
        lines = defaultdict[tuple[str, str, str], list[str]](list)
        for job in jobs:
            lines[job.uid, job.task, job.reason].append(job.id)
        for (uid, task, reason), all_ids in lines.items():
            fields = {"user": uid, "task": task, "attempt": 0, "reason": reason}
            for begin in range(0, len(all_ids), IDS_OF_LINE_MAX):
                ids = all_ids[begin : begin + IDS_OF_LINE_MAX]
                which = {"jobs": ids} if len(ids) > 1 else {"job": ids[0]}
                self._log.info(TEXTS[Status.ABORTED], **which, **fields)

    def cleanup_ended(self, claim: Claim, end: CleanupEnd, error: Failure | None) -> None:
        """A try of a clean-up has ended, or was cut short."""
        if end.tries is None:
            self._log.info("clean-up given back", **_fields(claim))
            return
        again = end.cleanup is Cleanup.PENDING
        self._metrics.cleanup_tries(claim.task, "retried" if again else end.cleanup).inc()
        fields = {**_fields(claim), "tries": end.tries.ended, "tries_max": end.tries.allowed}
        if error is None:
            self._log.info("clean-up done", **fields)
        elif again:
            text = "clean-up failed, and is tried again"
            self._log.warning(text, **fields, **failure_fields(error), **self._pause(end.tries))
        else:
            self._log.error(LEFT_UNDONE, **fields, **failure_fields(error))

    def _pause(self, tries: CleanupTries) -> dict[str, float]:
        if tries.next_at is None:
            return {}
        pause_s = (tries.next_at - self._clock.now()).total_seconds()
        return {"next_try_not_before_s": round(pause_s, 1)}

    def released(self, released: Released, jobs: Mapping[str, Job]) -> None:
        """Jobs were taken back from dead nodes: enqueued again, or ended.

        Args:
            jobs: those that ended and those that are left undone, as far as they are known.
        """
        self._metrics.released.inc(sum(map(len, released)))
        for waiting in released.to_enqueue:
            self._log.warning("job taken back", job=waiting.id)
        for job_id in released.ended:
            job = jobs.get(job_id)
            if job is None or job.error is None:
                self._log.warning("job ended with its node", job=job_id)
            else:
                self._failed(_fields_of(job), job.error)
        for job_id in released.left_undone:
            job = jobs.get(job_id)
            error = job.abort.tries.error if job and job.abort else None
            fields = _fields_of(job) if job else {"job": job_id}
            self._log.error(LEFT_UNDONE, **fields, **(failure_fields(error) if error else {}))

    def expired(self, jobs: Iterable[Job]) -> None:
        """Jobs were ended because no attempt began them in time."""
        for job in jobs:
            self._metrics.jobs(job.task, job.status).inc()
            if job.error is not None:
                self._failed(_fields_of(job), job.error)

    def hook_tried(self, call: HookCall, job: Job, follows: Verdict, answer: str) -> None:
        """A call of a hook was tried."""
        self._metrics.hook_calls(call.event, follows.status).inc()
        if follows.status is CallStatus.GIVEN_UP:
            self._log.warning("hook given up", **_fields_of(job), tries=call.tries, answer=answer)


_Kin = tuple[str, str, int, str | None]


def _kin(claim: Claim) -> _Kin:
    """What the jobs of one line have in common."""
    return claim.uid, claim.task, claim.attempt, claim.traceparent


def _fields(claim: Claim, *others: Claim) -> dict[str, object]:
    """The fields of a line: those of the first, and the ids of all."""
    fields: dict[str, object] = {
        **({"jobs": [claim.id, *(each.id for each in others)]} if others else {"job": claim.id}),
        "user": claim.uid,
        "task": claim.task,
        "attempt": claim.attempt,
    }
    if claim.traceparent:
        fields["trace_id"] = claim.traceparent.split("-")[1]
    return fields


def _fields_of(job: Job) -> dict[str, object]:
    """The fields of a line about a job that nobody claims."""
    return {"job": job.id, "user": job.uid, "task": job.task, "attempt": job.attempt}


def _abort_fields(abort: Abort | None) -> dict[str, object]:
    """Why a job was aborted, and how it ended; without a signal where nothing ran."""
    if abort is None:
        return {}
    reason = abort.reason and cut(abort.reason, chars_max=MESSAGE_CHARS_MAX)
    signal = abort.death and abort.death.signal
    return {"reason": reason, "signal": signal, "latency_ms": abort.latency_ms}


def _eligible_s(claim: Claim) -> float:
    """Since when a job waited for a worker: a delay is no wait."""
    submitted_s = _submitted_s(claim.id)
    return max(submitted_s, claim.eligible_at.timestamp()) if claim.eligible_at else submitted_s


def _submitted_s(job_id: str) -> float:
    """When the job's id was made: a UUIDv7 begins with 48 bits of Unix milliseconds (RFC 9562)."""
    return int(job_id.replace("-", "")[:12], 16) / 1000
