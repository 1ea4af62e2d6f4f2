"""What the command line says about a job, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.table import Table

from atlanscheduler_client import (
    Abort,
    Aborts,
    Cleanup,
    CleanupState,
    Failure,
    FailureKind,
    OnAbort,
    Status,
    Waits,
)
from atlanscheduler_client.reading import job_of
from scheduler.api.description.operation_examples import HELD, QUEUED, TRIED_AGAIN
from scheduler.cli.rendering import aborts, job, undone, waits
from scheduler.cli.terminal import print_rich
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
        (FRESH, "the clean-up has not begun yet"),
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


@pytest.mark.parametrize(
    ("aborted", "aborting", "said"),
    [
        (0, 0, "0 jobs aborted"),
        (1, 0, "1 job aborted"),
        (0, 1, "1 job is being stopped"),
        (3, 1, "3 jobs aborted, 1 job is being stopped"),
        (1, 2, "1 job aborted, 2 jobs are being stopped"),
    ],
)
def test_what_is_not_there_is_not_counted(aborted: int, aborting: int, said: str) -> None:
    """`0 aborted` reads as if nothing had happened, where all is on its way."""
    assert aborts(Aborts(aborted=aborted, aborting=aborting)) == said


def test_in_a_pipe_no_line_ends_with_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    """They break comparisons, and are seen in each file and message that the output gets into."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("NAME")
    table.add_column("LONG")
    table.add_row("a", "b ")
    table.add_row("a longer one", "")
    print_rich(table)
    assert capsys.readouterr().out == "NAME          LONG\na             b\na longer one\n"


def test_a_queued_job_says_what_it_waits_for() -> None:
    """A reason that only a later node knows is shown as it is named."""
    held = job_of(HELD)
    paused = replace(held, waits=Waits(reason="paused", until=None))

    assert waits(job_of(QUEUED)) == "a worker"
    assert waits(held).startswith("2026-11-24 06:00:00 UTC, in ")
    assert waits(paused) == "paused"
    said = waits(job_of(TRIED_AGAIN))
    assert said.startswith("its next attempt, 2026-11-23 14:08:57 UTC, in ")


def test_a_job_shows_what_became_of_its_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    """With one alone there is nothing to add to what is shown anyway."""
    again = job_of(TRIED_AGAIN)
    (failed,) = again.attempts
    running = replace(failed, number=2, node="node-b", finished_at=None, outcome=None, error=None)
    print_rich(job(replace(again, attempts=(failed, running))))

    shown = capsys.readouterr().out
    assert "1 on node-a terminated after 3.8s: ConnectionError: the service does not" in shown
    assert "2 on node-b runs" in shown
    assert "5 attempts" in shown
    print_rich(job(replace(again, attempts=(failed,))))
    assert "1 on node-a terminated" in capsys.readouterr().out, "it is queued: why?"
    print_rich(job(replace(again, status=Status.TERMINATED, attempts=(failed,))))
    assert "1 on node-a terminated" not in capsys.readouterr().out


def test_what_waits_for_others_of_its_handler_says_so() -> None:
    def waiting(**what: object) -> str:
        return waits(job_of({**QUEUED, "waits": what}))

    at = "2026-11-24T06:00:00.000Z"
    assert waiting(**{"for": "limit", "until": None}) == "another job of its handler to end"
    assert waiting(**{"for": "throttle", "until": at}) == (
        "its handler's throttle, 2026-11-24 06:00:00 UTC or later"
    )


def test_what_no_node_can_take_names_the_labels_that_none_has() -> None:
    """Whoever reads it knows which node to start; where labels are not all on one, it says less."""

    def waiting(*missing: str) -> str:
        what = {"for": "no_node", "until": None, "missing": list(missing)}
        return waits(job_of({**QUEUED, "waits": what}))

    assert waiting("gpu") == "a node with gpu: no live node has it"
    assert waiting("gpu", "zone=eu") == "a node with gpu, zone=eu: no live node has them"
    assert waiting() == "a node that knows its handler and has the labels that it needs"
    old = job_of({**QUEUED, "waits": {"for": "no_node", "until": None}})
    assert waits(old) == waiting()
