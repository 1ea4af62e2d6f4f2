"""Values by measure and case, and what is computed from them: medians, ratios, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Any, Final

KEPT: Final = ("measure", "case", "states", "unit", "workers", "values")
"""What of a series is written; `states` only where there are any."""
LESS_IS_BETTER: Final = ("ms",)
"""Units of measures where a smaller value is better."""
LOSS_MIN: Final = 0.25
"""A ratio that fell by at least this share of the saved one is a regression."""


class States(StrEnum):
    """Where a case stores the states of jobs: what a fast one may have left out."""

    ON_DISK = "on disk"
    """A job that was accepted outlives a crash of the server."""
    IN_MEMORY = "in memory"
    NOWHERE = "nowhere"
    """The case does less than our node, and is shown apart."""


@dataclass(slots=True, kw_only=True)
class Series:
    """One case of one measure, round by round."""

    measure: str
    case: str
    unit: str
    ours: bool = False
    """Whether the other cases of this measure are compared with this one."""
    states: States | None = None
    """None where all cases of a benchmark do the same."""
    workers: int = 0
    """The number of workers it was measured with; 0 while unknown, and where it does not matter."""
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.values)


def ratios(all_series: Sequence[Series]) -> Mapping[str, float]:
    """How many times better ours is than each other case of the same measure."""
    ours = {each.measure: each for each in all_series if each.ours}
    return {
        f"{each.measure}: {each.case}": round(_advantage(ours[each.measure], each), 3)
        for each in all_series
        if not each.ours and each.measure in ours
    }


def write(file: Path, all_series: Sequence[Series], about: Mapping[str, Any]) -> None:
    """Write all values, the ratios, and what they were measured on, as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {name: getattr(each, name) for name in KEPT if getattr(each, name) is not None}
        for each in all_series
    ]
    document = {**about, "ratios": ratios(all_series), "rows": rows}
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def regressions(saved: Mapping[str, float], found: Mapping[str, float]) -> Sequence[str]:
    """A line for each ratio that lost a quarter or more."""
    return [
        f"{name}: {found[name]:g}, and it was {was:g}"
        for name, was in saved.items()
        if name in found and found[name] <= was * (1 - LOSS_MIN)
    ]


def _advantage(ours: Series, other: Series) -> float:
    if ours.unit in LESS_IS_BETTER:
        return other.median / ours.median
    return ours.median / other.median
