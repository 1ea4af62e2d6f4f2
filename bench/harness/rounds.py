"""Cases take turns: first each tries with how many workers it is best, then round after round.

What else the machine does falls on all alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from bench.harness.run import say
from bench.harness.series import Series

Kept = Mapping[tuple[str, str], int]


class Case(NamedTuple):
    """What one round of it does, and which rows come of it."""

    series: Sequence[Series]
    """One for each figure that is measured."""
    measure: Callable[[int], Awaitable[Sequence[float]]]
    """With so many workers; in seconds, and per second."""
    workers: Sequence[int]
    """The numbers to choose from; where there are several, what is measured is a rate."""
    scale: float = 1
    """From what is measured to the series' unit."""


async def take_turns(cases: Sequence[Case], *, rounds: int, kept: Kept) -> Sequence[Series]:
    """Choose the workers, if they were not chosen before, and measure."""
    chosen = [await _choose(case, kept) for case in cases]
    for number in range(1, rounds + 1):
        for case, workers in zip(cases, chosen, strict=True):
            figures = await _measure(case, workers, f"round {number} of {rounds}")
            for series, figure in zip(case.series, figures, strict=True):
                series.values.append(figure)
    return _by_measure([series for case in cases for series in case.series])


def _by_measure(found: Sequence[Series]) -> Sequence[Series]:
    """The rows of a measure together, where a case has more than one figure."""
    measures = [each.measure for each in found]
    return sorted(found, key=lambda each: measures.index(each.measure))


async def _choose(case: Case, kept: Kept) -> int:
    """Take the number of workers that was kept, or the only one, or the best of one try each."""
    first = case.series[0]
    best = kept.get((first.measure, first.case), case.workers[0])
    if len(case.workers) > 1 and (first.measure, first.case) not in kept:
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
