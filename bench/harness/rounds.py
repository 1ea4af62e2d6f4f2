"""Runs cases in rounds, each case once per round, with its best number of workers.

So other load on the machine affects all cases alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from bench.harness.run import say
from bench.harness.series import Series

BestWorkers = Mapping[tuple[str, str], int]
"""The best number of workers of an earlier run, by measure and case."""


class Case(NamedTuple):
    """What one round of a case does, and the rows that it fills."""

    series: Sequence[Series]
    """One for each figure that `measure` returns."""
    measure: Callable[[int], Awaitable[Sequence[float]]]
    """Measures with this many workers; in seconds, or per second."""
    workers: Sequence[int]
    """The numbers of workers to choose from; where there are several, the measure is a rate."""
    scale: float = 1
    """The factor from what is measured to the unit of the series."""


async def run_rounds(
    cases: Sequence[Case], *, rounds: int, best_workers: BestWorkers
) -> Sequence[Series]:
    """Choose the number of workers of each case, and measure all cases round after round."""
    chosen = [await _choose(case, best_workers) for case in cases]
    for number in range(1, rounds + 1):
        for case, workers in zip(cases, chosen, strict=True):
            figures = await _measure(case, workers, f"round {number} of {rounds}")
            for series, figure in zip(case.series, figures, strict=True):
                series.values.append(figure)
    return _by_measure([series for case in cases for series in case.series])


def _by_measure(found: Sequence[Series]) -> Sequence[Series]:
    """Sort the rows so that those of a measure follow one another."""
    measures = [each.measure for each in found]
    return sorted(found, key=lambda each: measures.index(each.measure))


async def _choose(case: Case, best_workers: BestWorkers) -> int:
    """The number of workers of an earlier run, or the only one, or the best after one try each."""
    first = case.series[0]
    best = best_workers.get((first.measure, first.case), case.workers[0])
    if len(case.workers) > 1 and (first.measure, first.case) not in best_workers:
        tried = {each: await _measure(case, each, "which is best?") for each in case.workers}
        best = max(tried, key=lambda each: tried[each][0])
    for series in case.series:
        series.workers = best
    return best


async def _measure(case: Case, workers: int, when: str) -> Sequence[float]:
    figures = [case.scale * each for each in await case.measure(workers)]
    for series, figure in zip(case.series, figures, strict=True):
        say(f"{when}: {series.measure}, {series.case}, {workers} workers: {figure:,.6g}")
    return figures
