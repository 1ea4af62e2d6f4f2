"""The samples of aborts, and what is computed from them: percentiles, and Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

HEAD: Final = (
    "| case | aborts | p50 ms | p99 ms | max ms | still alive | target ms |\n"
    "|---|--:|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One abort."""

    ms: float
    """The measured time: from the call until the event that the case names."""
    receipt_ms: float | None = None
    """What our node reports itself: from the request until death was verified."""
    reaped_ms: float | None = None
    """From the call until a peer's process, maybe a zombie for a while, left the process table."""
    survivors: int = 0
    """Processes of the job that still run afterwards."""
    requests_per_s: float | None = None
    """How many requests per second were answered meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case, and its samples by round."""

    case: str
    target_ms: Mapping[str, float] = field(default_factory=dict)
    """Upper bounds, by percentile: p50, p99."""
    rounds: list[Sequence[Sample]] = field(default_factory=list)

    def figures(self) -> Mapping[str, Any]:
        """What goes into the JSON file."""
        samples = [sample for samples in self.rounds for sample in samples]
        return {
            "case": self.case,
            "samples": len(samples),
            "ms": summary(each.ms for each in samples),
            "p50_ms_of_a_round": _spread([[each.ms for each in some] for some in self.rounds]),
            "receipt_latency_ms": summary(each.receipt_ms for each in samples),
            "reaped_ms": summary(each.reaped_ms for each in samples),
            "requests_per_s": summary(each.requests_per_s for each in samples),
            "survivors_max": max(each.survivors for each in samples),
            "target_ms": self.target_ms,
        }


def summary(values: Iterable[float | None]) -> Mapping[str, float] | None:
    """p50, p99 and max of the values that are not None; None where all are."""
    present = sorted(value for value in values if value is not None)
    if not present:
        return None
    return {
        "p50": round(percentile(present, 50), 1),
        "p99": round(percentile(present, 99), 1),
        "max": round(present[-1], 1),
    }


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that `percent` percent of all values do not exceed (nearest rank)."""
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def table(figures: Iterable[Mapping[str, Any]]) -> str:
    """A Markdown table of the rows' figures."""
    return "\n".join([HEAD, *map(_line, figures)])


def compared(figures: Iterable[Mapping[str, Any]]) -> str:
    """The table of two rows, and how many times as long the second one takes."""
    first, second = rows = list(figures)
    ratios = (f"{second['ms'][of] / first['ms'][of]:.2f} times the {of}" for of in ("p50", "p99"))
    return f"{table(rows)}\n\nThe second takes {' and '.join(ratios)} of the first."


def _spread(rounds: Sequence[Sequence[float]]) -> Mapping[str, float]:
    """Median, minimum and maximum of the rounds' medians."""
    medians = [median(each) for each in rounds]
    return {
        "median": round(median(medians), 1),
        "min": round(min(medians), 1),
        "max": round(max(medians), 1),
    }


def _line(figures: Mapping[str, Any]) -> str:
    load = figures["requests_per_s"]
    cells = (
        figures["case"] + (f" ({load['p50']:.0f} answered)" if load else ""),
        figures["samples"],
        *figures["ms"].values(),
        figures["survivors_max"],
        ", ".join(f"{of} ≤ {most:g}" for of, most in figures["target_ms"].items()),
    )
    return f"| {' | '.join(map(str, cells))} |"
