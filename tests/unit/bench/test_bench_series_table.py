"""The benchmark's table: who does less than our node is not among those that do the same."""

from __future__ import annotations

from typing import Any, cast

from bench.cases.speed_cases import all_cases
from bench.harness.series import Series, States
from bench.harness.series_table import LESS, SAME, table


def series(case: str, value: float, states: States | None = None) -> Series:
    return Series(
        measure="drain",
        case=case,
        unit="jobs/s",
        ours=case == "ours",
        states=states,
        workers=4,
        values=[value],
    )


def test_cases_that_store_no_state_of_a_job_are_apart() -> None:
    """A peer that keeps nothing is faster for that reason; it is compared all the same."""
    found = table(
        [
            series("ours", 2000, States.ON_DISK),
            series("less", 4000, States.NOWHERE),
            series("same", 1000, States.IN_MEMORY),
        ]
    )
    title, same, apart, less = found.split("\n\n")
    assert (title, apart) == (SAME, LESS)
    assert same.splitlines()[2:] == [
        "| drain | ours | on disk | 4 | 2,000 | 2,000 | 2,000 | jobs/s |  |",
        "| drain | same | in memory | 4 | 1,000 | 1,000 | 1,000 | jobs/s | 2.00 |",
    ]
    assert less.splitlines()[2:] == ["| drain | less | 4 | 4,000 | 4,000 | 4,000 | jobs/s | 0.50 |"]


def test_where_all_cases_do_the_same_there_is_one_table() -> None:
    """Most benchmarks measure our node only."""
    head, below, *rows = table([series("ours", 1), series("other", 2)], compared="one").splitlines()
    assert head.startswith("| measure | case | workers |")
    assert head.endswith("| one is better by |")
    assert head.count("|") == below.count("|")
    assert rows == [
        "| drain | ours | 4 | 1 | 1 | 1 | jobs/s |  |",
        "| drain | other | 4 | 2 | 2 | 2 | jobs/s | 0.50 |",
    ]


def test_it_is_known_of_each_case_of_make_bench_where_it_stores_states() -> None:
    """A new peer has to say whether it does the same job."""
    cases = all_cases(cast(Any, None))
    assert all(each.states for case in cases for each in case.series)
