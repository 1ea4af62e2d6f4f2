"""The benchmark's ratios: what is compared with what, and what counts as a loss."""

from __future__ import annotations

from bench.harness.series import Series, ratios, regressions


def test_ours_is_compared_with_each_other_case_of_its_measure() -> None:
    """Medians, so that one disturbed round decides nothing."""
    found = ratios(
        [
            Series(measure="drain", case="ours", unit="jobs/s", ours=True, values=[1, 30, 20]),
            Series(measure="drain", case="peer", unit="jobs/s", values=[10, 900, 5]),
            Series(measure="bulk", case="ours", unit="jobs/s", values=[7]),
        ]
    )
    assert found == {"drain: peer": 2.0}


def test_where_less_is_better_ours_is_better_by_how_much_more_the_other_takes() -> None:
    """So that a smaller ratio is a loss everywhere."""
    found = ratios(
        [
            Series(measure="start", case="ours", unit="ms", ours=True, values=[2]),
            Series(measure="start", case="peer", unit="ms", values=[5]),
        ]
    )
    assert found == {"start: peer": 2.5}


def test_a_quarter_less_is_a_loss_and_less_than_that_is_not() -> None:
    """A ratio that was not measured this time, or is new, is no loss either."""
    saved = {"a": 2.0, "b": 2.0, "gone": 1.0}
    assert regressions(saved, {"a": 1.5, "b": 1.51, "new": 0.1}) == ["a: 1.5, and it was 2"]
