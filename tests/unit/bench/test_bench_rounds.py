"""The benchmark's rounds: each case with its best number of workers, all in the same rounds."""

from __future__ import annotations

from collections.abc import Sequence

from bench.harness.rounds import Case, run_rounds
from bench.harness.series import Series


class Recorder:
    """Makes cases that are fastest with four workers, and records which ran."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, int]] = []

    def case(self, name: str, workers: Sequence[int], *, figures: int = 1) -> Case:
        async def measure(count: int) -> Sequence[float]:
            self.ran.append((name, count))
            return [10.0 - abs(4 - count)] * figures

        measures = "abc"[:figures]
        return Case(
            [Series(measure=each, case=name, unit="jobs/s") for each in measures],
            measure,
            workers,
            scale=10,
        )


async def test_each_case_is_measured_with_the_workers_that_were_best_in_a_try() -> None:
    """A peer with too few or too many workers is no fair comparison; tries do not count."""
    recorder = Recorder()
    (found,) = await run_rounds([recorder.case("x", (1, 4, 8))], rounds=2, best_workers={})
    assert (found.workers, found.values) == (4, [100.0, 100.0])
    assert recorder.ran == [("x", 1), ("x", 4), ("x", 8), ("x", 4), ("x", 4)]


async def test_what_was_best_before_is_not_tried_again() -> None:
    """So the comparison with the saved ratios is short, and compares like with like."""
    recorder = Recorder()
    (found,) = await run_rounds(
        [recorder.case("x", (1, 4))], rounds=1, best_workers={("a", "x"): 1}
    )
    assert (found.workers, recorder.ran) == (1, [("x", 1)])


async def test_each_round_runs_every_case_once() -> None:
    """So other load on the machine affects all cases alike."""
    recorder = Recorder()
    cases = [recorder.case("x", (4,)), recorder.case("y", (4,))]
    await run_rounds(cases, rounds=2, best_workers={})
    assert [name for name, _ in recorder.ran] == ["x", "y", "x", "y"]


async def test_the_rows_of_a_measure_follow_one_another() -> None:
    """A case with two figures, such as two percentiles, has rows in two measures."""
    recorder = Recorder()
    cases = [recorder.case("x", (4,), figures=2), recorder.case("y", (4,), figures=2)]
    found = await run_rounds(cases, rounds=1, best_workers={})
    assert [(each.measure, each.case) for each in found] == [
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("b", "y"),
    ]
