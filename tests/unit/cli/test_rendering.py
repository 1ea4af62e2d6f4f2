"""Sentences about jobs, as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.table import Table

from atlanscheduler_client import Abort, Aborts, Cleanup, CleanupState, OnAbort
from scheduler.cli.rendering import aborts, undone
from scheduler.cli.terminal import print_rich


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


def test_a_clean_up_that_has_not_begun_names_no_cause() -> None:
    """`abort --until final` answers before any worker could begin it, also an idle one."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    waits = OnAbort(state=CleanupState.PENDING, tries=0, tries_max=5, next_try_at=None, error=None)
    abort = Abort(
        requested_at=at,
        reason=None,
        finished_at=at,
        latency_ms=0,
        signal="SIGTERM",
        processes=1,
        survivors=0,
        cleanup=Cleanup.PENDING,
        on_abort=waits,
    )
    assert undone(abort) == "the clean-up has not begun yet"


def test_in_a_pipe_no_line_ends_with_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    """They break comparisons, and are seen in each file and message that the output gets into."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("NAME")
    table.add_column("LONG")
    table.add_row("a", "b ")
    table.add_row("a longer one", "")
    print_rich(table)
    assert capsys.readouterr().out == "NAME          LONG\na             b\na longer one\n"
