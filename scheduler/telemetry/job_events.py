"""What happens to jobs, told to operators: a line in the log for each change, and a count.

The only place where such lines are made, so that all of them name job, user, task and attempt, and
none of them what a user sent. The node's name is added by `logs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from scheduler.core.job import (
    Abort,
    Claim,
    Cleanup,
    Death,
    Failure,
    Job,
    Purpose,
    Settlement,
    Status,
)
from scheduler.core.ports.clock import Clock
from scheduler.core.webhook import CallStatus, HookCall, Verdict
from scheduler.telemetry.metrics import Metrics

SAYS: Final[Mapping[Status, str]] = {
    Status.QUEUED: "job given back",
    Status.SUCCESSFUL: "job successful",
    Status.TERMINATED: "job terminated",
    Status.ABORTED: "job aborted",
}


class JobEvents:
    """Tells what happens on a node."""

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._log = structlog.get_logger().bind()  # which takes apart what is configured once
        self._begun: dict[str, float] = {}

    def claimed(self, claim: Claim) -> None:
        """A job is this node's, to be run or cleaned up after."""
        word = "job claimed" if claim.purpose is Purpose.RUN else "clean-up claimed"
        self._log.info(word, **_named(claim))

    def began(self, claim: Claim) -> None:
        """Its process is there, and the handler begins."""
        if claim.purpose is Purpose.RUN:
            self._begun[claim.id] = self._clock.monotonic()
            if claim.attempt == 1:
                waited_s = self._clock.now().timestamp() - _submitted_s(claim.id)
                self._metrics.waiting(claim.task).observe(max(0, waited_s))

    def ended(self, claim: Claim, settlement: Settlement) -> None:
        """An attempt has ended, and the store has it."""
        self._metrics.jobs(claim.task, settlement.status).inc()
        if (begun := self._begun.pop(claim.id, None)) is not None:
            self._metrics.running(claim.task).observe(self._clock.monotonic() - begun)
        error = settlement.error and {"error": settlement.error.kind}
        self._log.info(SAYS[settlement.status], **_named(claim), **(error or {}))

    def taken_over(self, claim: Claim) -> None:
        """What has ended here is another's by now, or was settled before."""
        self._begun.pop(claim.id, None)
        word = "job taken over" if claim.purpose is Purpose.RUN else "clean-up taken over"
        self._log.warning(word, **_named(claim))

    def lost(self, claim: Claim) -> None:
        """This node holds a job without knowing, and gives it back."""
        self._log.warning("a claim was lost on its way here", **_named(claim))

    def notified_too_often(self, claim: Claim) -> None:
        """An attempt has notified so often that nothing more of it is kept."""
        self._log.warning("notifications are dropped: the job has too many", **_named(claim))

    def outlived(self, claim: Claim, death: Death) -> None:
        """An attempt was ended, but some of its processes live."""
        self._log.error("processes outlive SIGKILL", **_named(claim), survivors=death.survivors)

    def aborted(self, abort: Abort) -> None:
        """An abort came true on this node."""
        if abort.latency_ms is not None and abort.death is not None:
            signal = abort.death.signal or "none"
            self._metrics.aborts(signal).observe(abort.latency_ms / 1000)

    def aborted_in_queue(self, job: Job) -> None:
        """A job was aborted that nobody ran."""
        self._log.info("job aborted", job=job.id, user=job.uid, task=job.task, attempt=job.attempt)

    def cleaned(self, claim: Claim, cleanup: Cleanup, error: Failure | None) -> None:
        """A clean-up has ended, or waits for its next try."""
        if error is None:
            self._log.info(f"clean-up {cleanup}", **_named(claim))
        else:
            self._log.error(f"clean-up {cleanup}", **_named(claim), error=error.summary)

    def released(self, to_enqueue: Iterable[str], ended: Iterable[str]) -> None:
        """Jobs were taken back from nodes that are gone."""
        for word, job_ids in (("job taken back", to_enqueue), ("job ended with its node", ended)):
            for job_id in job_ids:
                self._metrics.released.inc()
                self._log.warning(word, job=job_id)

    def called(self, call: HookCall, job: Job, follows: Verdict, answer: str) -> None:
        """A hook was tried."""
        self._metrics.hook_calls(call.event, follows.status).inc()
        if follows.status is CallStatus.GIVEN_UP:
            named = {"job": job.id, "user": job.uid, "task": job.task, "attempt": job.attempt}
            self._log.warning("hook given up", **named, tries=call.tries, answer=answer)


def _named(claim: Claim) -> dict[str, object]:
    named: dict[str, object] = {
        "job": claim.id,
        "user": claim.uid,
        "task": claim.task,
        "attempt": claim.attempt,
    }
    if claim.traceparent:
        named["trace_id"] = claim.traceparent.split("-")[1]
    return named


def _submitted_s(job_id: str) -> float:
    """When a UUIDv7 was made (RFC 9562): its first 48 bits are milliseconds since 1970."""
    return int(job_id.replace("-", "")[:12], 16) / 1000
