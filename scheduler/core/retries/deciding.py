"""What follows from an attempt that failed: another one, or the end of the job.

attempt failed ──┬── not a failure to try again after ──▶ terminated
                 ├── as many are used up as are allowed ─▶ terminated
                 └── else: held for a while ─────────────▶ queued
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Final, NamedTuple

from scheduler.core.job import (
    Again,
    AttemptOutcome,
    Claim,
    Crashed,
    Failure,
    Outcome,
    Progress,
    Raised,
    Returned,
    Stopped,
    StopReason,
    Unreturnable,
)
from scheduler.core.policy import failure
from scheduler.core.retries.declaration import NO_RETRY, RetryRule

MESSAGE_CHARS_MAX: Final = 1000
"""How much of a message the list of attempts keeps; the job's log has all, with the traceback."""


class Ended(NamedTuple):
    """An attempt that has ended, or a claim whose attempt never began."""

    claim: Claim
    outcome: Outcome
    progress: Progress | None = None
    rule: RetryRule | None = None
    """Of the handler; None where it has none."""
    limited: bool = False
    """Whether others may have waited for this end."""


def another(ended: Ended, *, random: Random) -> Again | None:
    """How another attempt follows; None where none does."""
    claim, outcome, rule = ended.claim, ended.outcome, ended.rule or NO_RETRY
    used = claim.attempts_used + 1
    if used >= (claim.max_attempts or rule.max_attempts):
        return None
    error = _retryable(claim.task, outcome, rule)
    if error is None:
        return None
    after_s = outcome.after_s if isinstance(outcome, Raised) else None
    pause_s = backoff_s(used, rule=rule, random=random) if after_s is None else after_s
    return Again(outcome=AttemptOutcome.TERMINATED, error=shortened(error), after_s=pause_s)


def backoff_s(failures: int, *, rule: RetryRule, random: Random) -> float:
    """The pause after so many failures: exponential, by factor 2, with full jitter.

    Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random.uniform(
        0.0, min(rule.backoff_max_s, rule.backoff_s * 2.0 ** min(failures - 1, 64))
    )


def shortened(error: Failure) -> Failure:
    """The failure as the list of attempts has it."""
    return replace(error, message=error.message[:MESSAGE_CHARS_MAX], traceback=None)


def _retryable(task: str, outcome: Outcome, rule: RetryRule) -> Failure | None:
    """Why the attempt failed, if it is to be tried again after that."""
    match outcome:
        case Returned() | Stopped(StopReason.ABORT | StopReason.DRAIN | StopReason.LEASE_LOST):
            return None
        case Raised(retryable=retryable):
            return failure(task, outcome) if retryable else None
        case Crashed() | Unreturnable() | Stopped():
            error = failure(task, outcome)
            return error if error.kind in rule.on else None
        case _:
            return None
