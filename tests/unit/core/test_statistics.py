"""How the dashboard's figures are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from scheduler.core.job import Status
from scheduler.core.statistics import (
    FinishedCount,
    Quantiles,
    by_minute,
    complete_since,
    quantiles,
    within_last_minute,
)

NOW = datetime(2026, 3, 1, 12, 5, 34, tzinfo=UTC)


def ago(seconds: float, status: Status = Status.SUCCESSFUL, jobs: int = 1) -> FinishedCount:
    """Jobs that ended in a step that began so long before `NOW`."""
    return FinishedCount(NOW - timedelta(seconds=seconds), status, jobs)


def test_each_minute_is_there_also_where_nothing_ended() -> None:
    minutes = by_minute([ago(4, jobs=2), ago(14), ago(94, Status.ABORTED)], now=NOW, count=3)

    assert [(at.minute, at.second, dict(ends)) for at, ends in minutes] == [
        (3, 0, {}),
        (4, 0, {Status.ABORTED: 1}),
        (5, 0, {Status.SUCCESSFUL: 3}),
    ]


def test_what_ended_before_the_first_minute_is_left_out() -> None:
    ((_, ends),) = by_minute([ago(4), ago(64)], now=NOW, count=1)
    assert ends == {Status.SUCCESSFUL: 1}


def test_the_last_minute_slides_in_steps() -> None:
    """A rate that falls to 0 at each full minute would look like an outage."""
    endings = [ago(4), ago(54, Status.ABORTED), ago(64)]
    assert within_last_minute(endings, now=NOW) == {Status.SUCCESSFUL: 1, Status.ABORTED: 1}


def test_a_count_that_reached_its_limit_says_since_when_it_is_complete() -> None:
    asked = NOW - timedelta(minutes=30)
    endings = [ago(4, jobs=2), ago(64)]

    assert complete_since(endings, asked=asked, limit=4) == asked
    assert complete_since(endings, asked=asked, limit=3) == NOW - timedelta(seconds=54)
    assert complete_since([], asked=asked, limit=3) == asked


def test_quantiles_are_durations_that_occurred() -> None:
    assert quantiles([]) is None
    assert quantiles([3]) == Quantiles(3, 3)
    assert quantiles(range(100, 0, -1)) == Quantiles(50, 95)
