"""What the command line says about a job, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from atlanscheduler_client import Abort, Cleanup, CleanupState, Failure, FailureKind, OnAbort
from scheduler.cli.rendering import undone
from tests.fakes import AT

FULL = Failure(kind=FailureKind.EXCEPTION, type="OSError", message="disk full")
ABORT = Abort(
    requested_at=AT,
    reason=None,
    finished_at=AT,
    latency_ms=9,
    signal="SIGKILL",
    processes=1,
    survivors=0,
    cleanup=Cleanup.PENDING,
)
FRESH = OnAbort(state=CleanupState.PENDING, tries=0, tries_max=None, next_try_at=None, error=None)
TRIED = replace(FRESH, tries=3, tries_max=5, error=FULL)


@pytest.mark.parametrize(
    ("on_abort", "words"),
    [
        (FRESH, "the clean-up waits for a free worker"),
        (replace(FRESH, state=CleanupState.RUNNING), "the clean-up runs"),
        (TRIED, "the clean-up failed 3 of 5 times, next try waits for a free worker: "),
        (replace(TRIED, state=CleanupState.RUNNING), "the clean-up failed 3 of 5 times and runs "),
        (
            replace(TRIED, next_try_at=AT),
            f"the clean-up failed 3 of 5 times, next try not before {AT:%H:%M:%S} UTC: ",
        ),
        (
            replace(TRIED, state=CleanupState.FAILED),
            "the clean-up failed 3 of 5 times and is given up: ",
        ),
        (replace(FRESH, state=CleanupState.FAILED), "the clean-up failed and is given up"),
    ],
)
def test_a_clean_up_says_what_failed_and_what_it_waits_for(on_abort: OnAbort, words: str) -> None:
    """Its user must know whether something runs, or what to repair before the next try."""
    said = undone(replace(ABORT, on_abort=on_abort))
    assert said.startswith(words)
    assert said.endswith(": OSError: disk full") is bool(on_abort.error)


@pytest.mark.parametrize(
    ("tries", "words"), [(1, "undone"), (3, "undone at the third try"), (7, "undone at try 7")]
)
def test_a_clean_up_that_succeeded_late_says_so(tries: int, words: str) -> None:
    """What failed before may have left something behind, or fail again."""
    done = replace(FRESH, state=CleanupState.DONE, tries=tries, tries_max=9)
    assert undone(replace(ABORT, cleanup=Cleanup.DONE, on_abort=done)) == words
