"""What an abort waits for is told apart by the moments that the node notes."""

from __future__ import annotations

from pkgutil import resolve_name

import pytest

from bench.harness.stages import (
    ANSWERED,
    READY,
    ROWS,
    STAGES,
    TOTAL,
    TimedAbort,
    figures,
    stages_ms,
)
from bench.ours.timed_node import MOMENTS, noted

BEFORE = [("told", 0.5), ("ready", 0.9)]
MARKS = [(moment, float(number)) for number, moment in enumerate(STAGES, 2)]
"""A mark each second, from the second one on."""


def test_the_stages_of_an_abort_add_up_to_its_time() -> None:
    """The last one ends with the answer, which the node does not note."""
    took = stages_ms(TimedAbort(1.0, 11.0), [*BEFORE, *MARKS, ("told", 9.5), ("ready", 9.75)])
    assert sum(took[row] for row in (*STAGES.values(), ANSWERED)) == took[TOTAL] == 10_000
    assert {took[row] for row in STAGES.values()} == {1000}
    assert took[READY] == 2750


def test_each_row_has_mean_and_percentiles_of_all_aborts() -> None:
    """In the order of the stages, then all of them, and what happens beside them."""
    rows = figures([dict.fromkeys(ROWS, ms) for ms in (1.0, 2.0, 6.0)])
    assert [row["until"] for row in rows] == list(ROWS)
    values = {"aborts": 3, "mean": 3, "p50": 2, "p99": 6}
    assert all(row == {"until": row["until"], **values} for row in rows)


async def test_a_moment_is_noted_when_its_function_has_returned() -> None:
    """Whether it is async or not."""
    found = []

    def plain() -> None:
        found.append("plain")

    async def later() -> None:
        found.append("later")

    noted(plain, lambda: found.append("noted"))()
    await noted(later, lambda: found.append("noted"))()
    assert found == ["plain", "noted", "later", "noted"]


@pytest.mark.parametrize("moment", [*STAGES, "ready"])
def test_each_moment_is_a_function_that_is_there(moment: str) -> None:
    """A node whose function has another name by now would end at its start."""
    place, name = MOMENTS[moment]
    assert callable(getattr(resolve_name(place), name))
