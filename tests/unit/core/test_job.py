"""What may happen to a job: the table of transitions, against the public contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.job import FINAL, NOTHING_RAN, TRANSITIONS, Abort, Status

CONTRACT = {
    ("queued", "running"),
    ("running", "successful"),
    ("running", "terminated"),
    ("running", "aborted"),
    ("queued", "aborted"),
    ("running", "queued"),
    ("queued", "terminated"),
}
"""`queued` → `running` → `successful` | `terminated` | `aborted`; `queued` → `aborted`;
`running` → `queued` only when its node died or drained; `queued` → `terminated` only where a job
has not begun in time."""


def test_the_transitions_are_those_of_the_contract() -> None:
    """Clients rely on these changes and no others."""
    assert {(a, b) for a, following in TRANSITIONS.items() for b in following} == CONTRACT


def test_every_status_has_its_line_in_the_table() -> None:
    """A status without one would be final by accident."""
    assert set(TRANSITIONS) == set(Status)


@given(st.lists(st.sampled_from(Status)))
def test_a_final_status_never_changes(wanted: list[Status]) -> None:
    """Whatever is tried, in whatever order: the first final status stays."""
    ends = set()
    status = Status.QUEUED
    for following in wanted:
        if following in TRANSITIONS[status]:
            status = following
        if status in FINAL:
            ends.add(status)
    assert len(ends) <= 1


def test_three_statuses_are_final() -> None:
    """A client that waits for the end may stop at these."""
    assert sorted(FINAL) == ["aborted", "successful", "terminated"]


def test_every_job_can_come_to_an_end() -> None:
    """From every status a final one can be reached."""
    for status in set(Status) - FINAL:
        assert TRANSITIONS[status] & FINAL


@pytest.mark.parametrize(("seconds", "latency_ms"), [(0, 0), (0.0126, 13), (61, 61_000), (-1, 0)])
def test_the_latency_of_an_abort_is_milliseconds_and_never_negative(
    seconds: float, latency_ms: int
) -> None:
    """The clock of the node that took the request may be ahead of the one that saw the death."""
    asked_at = datetime(2026, 1, 1, tzinfo=UTC)
    abort = Abort(requested_at=asked_at, finished_at=asked_at + timedelta(seconds=seconds))
    assert abort.latency_ms == latency_ms


def test_an_abort_that_is_not_proven_has_no_latency() -> None:
    """`finished_at` is what says that no process is alive."""
    assert Abort(requested_at=datetime(2026, 1, 1, tzinfo=UTC)).latency_ms is None


def test_where_nothing_ran_nothing_was_ended() -> None:
    """The proof for a job that was aborted in the queue."""
    assert (NOTHING_RAN.signal, NOTHING_RAN.processes, NOTHING_RAN.survivors) == (None, 0, 0)
