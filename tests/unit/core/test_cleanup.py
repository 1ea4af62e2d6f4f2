"""What follows from a try of a clean-up."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.cleanup import (
    MESSAGE_CHARS_MAX,
    PAUSE_LONGEST_S,
    CleanupEnd,
    after_try,
    cleanup_failure,
    pause_s,
)
from scheduler.core.job import (
    NOTHING_RAN,
    Cleanup,
    CleanupTries,
    Crashed,
    FailureKind,
    JsonText,
    Outcome,
    Purpose,
    Raised,
    Returned,
    Stopped,
    StopReason,
    Unknown,
    Unreturnable,
)
from tests.support.stores import AT, new

CLEAN = replace(new(undoable=True).claimed(), purpose=Purpose.CLEAN)
RAISED = Raised(type="OSError", message="x" * 9999, traceback="Traceback …")
SUCCEEDED = [Returned(JsonText("null")), Unreturnable("a set")]
FAILED = [RAISED, Crashed(-9), Unknown(AT), Stopped(StopReason.TIME_LIMIT, NOTHING_RAN, 0.7)]
CUT_SHORT = [
    Stopped(StopReason.DRAIN, NOTHING_RAN),
    Stopped(StopReason.LEASE_LOST, NOTHING_RAN),
]


def end(outcome: Outcome, *, before: int = 0, tries_max: int = 5) -> CleanupEnd:
    """What follows from an outcome, after so many tries before."""
    return after_try(
        replace(CLEAN, cleanup_tries=before),
        cleanup_failure("resize", outcome),
        outcome,
        at=AT,
        tries_max=tries_max,
        random=Random(1),  # noqa: S311 - spreads pauses
    )


@pytest.mark.parametrize("outcome", SUCCEEDED)
def test_an_on_abort_that_returns_is_done_whatever_it_returns(outcome: Outcome) -> None:
    """Its result is not used: to run it again because of that would undo twice."""
    assert end(outcome, before=2) == (Cleanup.DONE, CleanupTries(ended=3, allowed=5))


@pytest.mark.parametrize("outcome", FAILED)
def test_one_that_fails_is_tried_again_later(outcome: Outcome) -> None:
    cleanup, tries = end(outcome, before=1)

    assert cleanup is Cleanup.PENDING
    assert tries is not None
    assert (tries.ended, tries.allowed) == (2, 5)
    assert tries.next_at is not None
    assert 1 <= (tries.next_at - AT).total_seconds() <= 2
    assert tries.error is not None


@pytest.mark.parametrize("outcome", FAILED)
def test_the_last_try_that_is_allowed_is_the_last(outcome: Outcome) -> None:
    cleanup, tries = end(outcome, before=4)

    assert cleanup is Cleanup.FAILED
    assert tries is not None
    assert (tries.ended, tries.next_at) == (5, None)
    assert end(outcome, tries_max=1).cleanup is Cleanup.FAILED, "1 means no repetition"


def test_fewer_tries_than_there_were_end_it() -> None:
    """The key was lowered, or another node has a smaller one."""
    assert end(RAISED, before=7, tries_max=3).cleanup is Cleanup.FAILED


@pytest.mark.parametrize("outcome", CUT_SHORT)
def test_a_try_that_the_node_cut_short_uses_none_up(outcome: Outcome) -> None:
    assert end(outcome, before=4, tries_max=5) == (Cleanup.PENDING, None)
    assert cleanup_failure("resize", outcome) is None


def test_the_receipt_keeps_a_short_reason() -> None:
    """It is in every list of jobs; the job's log has the traceback."""
    error = end(RAISED).tries
    assert error is not None
    assert error.error is not None
    assert (error.error.kind, error.error.type) == (FailureKind.EXCEPTION, "OSError")
    assert (len(error.error.message), error.error.traceback) == (MESSAGE_CHARS_MAX, None)


@given(st.integers(1, 1000))
def test_pauses_double_up_to_the_longest(failures: int) -> None:
    """A service that an `on_abort` needs may be away for a second or for an hour."""
    longest = min(PAUSE_LONGEST_S, 2.0 ** (failures - 1))
    assert longest / 2 <= pause_s(failures, random=Random(failures)) <= longest  # noqa: S311
