"""What follows from what: every decision of the scheduler that is not I/O, as pure functions."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, count
from random import Random
from typing import Final, assert_never

from scheduler.core.job import (
    ENDED_BY_ITSELF,
    NOBODY,
    NOTHING_RAN,
    Again,
    AttemptOutcome,
    Claim,
    Crashed,
    Death,
    Failure,
    FailureKind,
    Job,
    Outcome,
    Progress,
    Raised,
    Returned,
    Settlement,
    Status,
    Stopped,
    StopReason,
    Unknown,
    Unreturnable,
    WaitingJob,
)
from scheduler.core.places.labels import lane_of

BROKE_PROTOCOL: Final = (
    "the process of the job broke the protocol with its node, which killed it: "
    "something in it wrote to a socket that is not its own"
)


def conclude(
    claim: Claim,
    outcome: Outcome,
    *,
    at: datetime,
    progress: Progress | None,
    again: Again | None = None,
) -> Settlement:
    """The settlement to write for an attempt with this outcome.

    After a stop by a drain or a lost lease, the job goes back to the queue. Where another node has
    taken over the job meanwhile, the token no longer holds and nothing is written.

    Args:
        again: how another attempt follows, by `retries.deciding`.
    """

    def settlement(status: Status, **fields: object) -> Settlement:
        return Settlement(
            id=claim.id,
            token=claim.token,
            status=status,
            at=at,
            progress=progress,
            **fields,  # type: ignore[arg-type]
        )

    match outcome:
        case Returned(result):
            return settlement(Status.SUCCESSFUL, result=result)
        case Stopped(StopReason.ABORT, death):
            return settlement(Status.ABORTED, death=death)
        case Stopped(StopReason.DRAIN | StopReason.LEASE_LOST as reason, death):
            # The death is for a job whose abort was requested.
            return settlement(Status.QUEUED, death=death, again=_cut_short(reason, death))
        case _ if again is not None:
            death = outcome.death if isinstance(outcome, Stopped) else ENDED_BY_ITSELF
            return settlement(Status.QUEUED, death=death, again=again)
        case _:
            return settlement(Status.TERMINATED, error=failure(claim.task, outcome))


def _cut_short(reason: StopReason, death: Death) -> Again | None:
    """What is remembered of an attempt that its node ended; nothing of one that did not begin."""
    if death == NOTHING_RAN:
        return None
    drained = reason is StopReason.DRAIN
    return Again(outcome=AttemptOutcome.DRAINED if drained else AttemptOutcome.LOST)


def waiting_job(job: Job) -> WaitingJob:
    """The job, as one that waits."""
    return WaitingJob(job.id, job.uid, round(job.turn_at.timestamp() * 1000), lane_of(job.needs))


def waiting_cleanup(job_id: str, lane: str) -> WaitingJob:
    """A clean-up, as one that waits: it counts for no user, neither in turns nor in limits."""
    return WaitingJob(job_id, NOBODY, lane=lane)


def failure(task: str, outcome: Unreturnable | Raised | Crashed | Unknown | Stopped) -> Failure:
    """The error that a user reads for an attempt that ended without success."""
    match outcome:
        case Unreturnable(message):
            return Failure(kind=FailureKind.RESULT, message=message)
        case Raised(type=type_, message=message, traceback=traceback):
            return Failure(
                kind=FailureKind.EXCEPTION, type=type_, message=message, traceback=traceback
            )
        case Crashed(broke_protocol=True):
            return Failure(kind=FailureKind.CRASH, message=BROKE_PROTOCOL)
        case Crashed(exit_status):
            return Failure(kind=FailureKind.CRASH, message=crash_message(exit_status))
        case Unknown(loaded_at):
            return Failure(
                kind=FailureKind.UNKNOWN_TASK,
                message=f"no node knows a handler named {task!r}; the node that took the job"
                f" loaded its handlers at {loaded_at:%Y-%m-%d %H:%M:%S} UTC",
            )
        case Stopped(limit_s=limit_s):
            limit = "its time limit" if limit_s is None else f"its time limit of {limit_s:g} s"
            return Failure(
                kind=FailureKind.TIMEOUT, message=f"the handler {task!r} ran longer than {limit}"
            )
        case _:
            assert_never(outcome)


def crash_message(exit_status: int | None) -> str:
    """How a process died, from its exit status (negative: a signal's number; None: unknown)."""
    if exit_status is None:
        return "the process of the job died; how is not known"
    if exit_status >= 0:
        return f"the process of the job ended by itself with exit status {exit_status}"
    try:
        name = signal.Signals(-exit_status).name
    except ValueError:
        name = "unnamed"
    return f"the process of the job was killed by signal {-exit_status} ({name})"


def lost_failure(losses: int) -> Failure:
    """The error of a job that is not tried again because its node died under it `losses` times."""
    times = "once" if losses == 1 else f"{losses} times"
    return Failure(kind=FailureKind.LOST, message=f"the job's node died {times}")


def expired_failure() -> Failure:
    """The error of a job that no attempt began in time."""
    return Failure(
        kind=FailureKind.EXPIRED,
        message="the job did not begin within its start_within_s after it might have",
    )


def grace_s(*candidates: float | None) -> float:
    """The grace period that counts: the first value that is not None."""
    return next(seconds for seconds in candidates if seconds is not None)


def looks_s(*, first_s: float, longest_s: float) -> Iterator[float]:
    """The pauses between an abort watcher's looks, doubling from the first to the longest."""
    return chain((min(first_s * 2**i, longest_s) for i in range(32)), (longest_s for _ in count()))


def idle_s(*, window_s: float, random: Random) -> float:
    """How long an idle worker waits for an arrival before it looks into the store itself.

    Random, so that the workers of many nodes do not all look at once; never so short that it polls.
    """
    return random.uniform(0.1, 1.0) * window_s


def backoff_s(failures: int, *, random: Random, longest_s: float = 5.0) -> float:
    """How long to wait after so many failures in a row: exponential with full jitter.

    Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(0.05, min(longest_s, 0.1 * 2 ** min(failures, 16)))


def renewal_s(lease_s: float) -> float:
    """The interval of renewals where other nodes share the store.

    A stall of the store may begin just before the next renewal, so each second between two of them
    is a second less that the node can wait. With `stall_s` for the stall, and `retry_s` until the
    first try after it: `renewal_s + stall_s + retry_s < fence_s`.
    """
    return lease_s / 12


def retry_s(lease_s: float) -> float:
    """How long after a failed renewal the next one is sent, while the lease is held."""
    return lease_s / 120


def renewal_answer_s(lease_s: float) -> float:
    """How long to wait for the answer to a renewal before another one is sent.

    A connection that is silent, where another one would work, must not cost the lease. Where
    nothing is at stake, because the lease is lost or no other node can take the jobs, it is also
    the interval of renewals.
    """
    return lease_s / 3


def stall_s(lease_s: float) -> float:
    """How long the store may answer nobody, from any moment on, without a job being killed."""
    return lease_s * 2 / 3


def fence_s(lease_s: float) -> float:
    """How long after the last successful renewal was sent a node may run anything.

    Shorter than the lease by the time that killing takes, so that
    `sent + fence_s + killing < seen by others + lease_s`: two attempts never overlap.
    """
    return lease_s * 5 / 6
