"""A client is given up when it stops or dribbles, and never while it keeps to the rate."""

from __future__ import annotations

from scheduler.api.limits.pace import RATE_BYTES_S, Pace


def test_a_client_that_keeps_to_the_rate_has_all_the_time() -> None:
    pace = Pace(0.0, lag_s=10)
    for second in range(1, 1000):
        assert pace.until > second
        pace.moved(RATE_BYTES_S, second)


def test_a_client_that_stops_has_the_lag() -> None:
    """However much it moved before."""
    pace = Pace(0.0, lag_s=10)

    assert pace.moved(100_000_000, 1.0) == 11.0


def test_a_client_that_moves_a_byte_now_and_then_has_hardly_more() -> None:
    pace = Pace(0.0, lag_s=10)
    for second in range(1, 10):
        pace.moved(1, second)

    assert pace.until < 10.01
