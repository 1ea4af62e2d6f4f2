"""What follows from a try of a clean-up (`on_abort`). Pure.

    pending ──┬── returned ──────────────────────────▶ done
     ▲  ▲     ├── failed, and no try is left ────────▶ failed
     │  └─────┼── failed: again, after a longer while
     └────────┴── cut short by a drain or a lost lease, or for a while unknown to all nodes: again,
                  and no try is used up

A try fails where `on_abort` raises, where its process crashes, and where it reaches its limit.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple

from scheduler.core.job import (
    Claim,
    Cleanup,
    CleanupTries,
    Failure,
    FailureKind,
    Outcome,
    Returned,
    Stopped,
    StopReason,
    Unreturnable,
)
from scheduler.core.policy import failure

PAUSE_LONGEST_S: Final = 300.0
"""Between two tries: what hinders an `on_abort` may last for hours, and its user waits."""
MESSAGE_CHARS_MAX: Final = 500
"""How much of a message the receipt keeps; the job's log has all of it, with the traceback."""


class CleanupEnd(NamedTuple):
    """What is stored after a try."""

    cleanup: Cleanup
    tries: CleanupTries | None
    """None where they stay as they are: the try was cut short."""


def after_try(
    claim: Claim,
    error: Failure | None,
    outcome: Outcome,
    *,
    at: datetime,
    tries_max: int,
    random: Random,
) -> CleanupEnd:
    """What follows from a try with this outcome.

    Args:
        error: why it failed, by `cleanup_failure`.
    """
    if cut_short(outcome):
        return CleanupEnd(Cleanup.PENDING, None)
    tries = CleanupTries(ended=claim.cleanup_tries + 1, allowed=tries_max, error=_short(error))
    if error is None:
        return CleanupEnd(Cleanup.DONE, tries)
    if tries.ended >= tries_max:
        return CleanupEnd(Cleanup.FAILED, tries)
    pause = timedelta(seconds=pause_s(tries.ended, random=random))
    return CleanupEnd(Cleanup.PENDING, replace(tries, next_at=at + pause))


def after_unknown(
    claim: Claim, error: Failure | None, *, at: datetime, look_s: float, tries_max: int
) -> CleanupEnd:
    """What follows where no node knows its handler: a later look, and no try is used up."""
    next_at = at + timedelta(seconds=look_s)
    tries = CleanupTries(
        ended=claim.cleanup_tries, allowed=tries_max, next_at=next_at, error=_short(error)
    )
    return CleanupEnd(Cleanup.PENDING, tries)


def cut_short(outcome: Outcome) -> bool:
    """Whether the node ended a try that might have succeeded."""
    return isinstance(outcome, Stopped) and outcome.reason in {
        StopReason.DRAIN,
        StopReason.LEASE_LOST,
    }


def cleanup_failure(task: str, outcome: Outcome) -> Failure | None:
    """Why a try failed; None where it succeeded or was cut short. Its result is not used."""
    match outcome:
        case Returned() | Unreturnable():
            return None
        case Stopped() if cut_short(outcome):
            return None
        case Stopped(limit_s=float() | int() as limit_s):
            return Failure(
                kind=FailureKind.TIMEOUT, message=f"it ran longer than its limit of {limit_s:g} s"
            )
        case _:
            return failure(task, outcome)


def pause_s(failures: int, *, random: Random) -> float:
    """How long to wait after so many failures: up to 1, 2, 4 … seconds, and at least half of it."""
    return random.uniform(0.5, 1.0) * min(PAUSE_LONGEST_S, 2.0 ** min(failures - 1, 16))


def _short(error: Failure | None) -> Failure | None:
    """The failure as the receipt has it."""
    return error and replace(error, message=error.message[:MESSAGE_CHARS_MAX], traceback=None)
