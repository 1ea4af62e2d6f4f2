"""Values by measure and case, and what is computed from them: medians, ratios, a table, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

HEAD: Final = (
    "| measure | case | workers | median | min | max | unit | ours is better by |\n"
    "|---|---|--:|--:|--:|--:|---|--:|"
)
LESS_IS_BETTER: Final = ("ms",)
"""Units of measures where a smaller value is better."""
LOSS_MIN: Final = 0.25
"""A ratio that fell by at least this share of the saved one is a regression."""


@dataclass(slots=True, kw_only=True)
class Series:
    """One case of one measure, round by round."""

    measure: str
    case: str
    unit: str
    ours: bool = False
    """Whether the other cases of this measure are compared with this one."""
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


def table(all_series: Sequence[Series], *, compared: str = "ours") -> str:
    """A Markdown table; `compared` is the name in its head for the case compared with."""
    found = ratios(all_series)
    return "\n".join([HEAD.replace("ours", compared), *(_line(each, found) for each in all_series)])


def write(file: Path, all_series: Sequence[Series], about: Mapping[str, Any]) -> None:
    """Write all values, the ratios, and what they were measured on, as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {name: getattr(each, name) for name in ("measure", "case", "unit", "workers", "values")}
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


def _line(each: Series, found: Mapping[str, float]) -> str:
    ratio = found.get(f"{each.measure}: {each.case}")
    cells = (
        each.measure,
        each.case,
        str(each.workers or ""),
        *(_figure(value) for value in (each.median, min(each.values), max(each.values))),
        each.unit,
        "" if ratio is None else f"{ratio:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _figure(value: float) -> str:
    """The value with three digits, or without decimals from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
