"""A Markdown table of measured values; cases that do less than our node have one of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from bench.harness.series import Series, States, ratios

COLUMNS: Final = {
    "measure": "---",
    "case": "---",
    "states of jobs": "---",
    "workers": "--:",
    "median": "--:",
    "min": "--:",
    "max": "--:",
    "unit": "---",
    "ours is better by": "--:",
}
"""What is below each name in the head of a table."""
STATES: Final = "states of jobs"
"""The column that only tables have whose cases store them in different places."""
SAME: Final = "The same job: the state of each job is stored."
LESS: Final = "Less: no state of a job is stored, so nobody can ask what became of one."


def table(all_series: Sequence[Series], *, compared: str = "ours") -> str:
    """A Markdown table; `compared` is the name in its head for the case compared with.

    Where some cases store no state of a job, a second table has them, with the same ratios.
    """
    found = ratios(all_series)
    less = [each for each in all_series if each.states == States.NOWHERE]
    same = [each for each in all_series if each.states != States.NOWHERE]
    if not less:
        return _table(same, found, compared)
    tables = _table(same, found, compared), _table(less, found, compared)
    return f"{SAME}\n\n{tables[0]}\n\n{LESS}\n\n{tables[1]}"


def _table(some: Sequence[Series], found: Mapping[str, float], compared: str) -> str:
    stored = any(each.states not in (None, States.NOWHERE) for each in some)
    names = [name for name in COLUMNS if stored or name != STATES]
    head = _row([name.replace("ours", compared) for name in names])
    below = f"|{'|'.join(COLUMNS[name] for name in names)}|"
    rows = (_cells(each, found.get(f"{each.measure}: {each.case}")) for each in some)
    return "\n".join([head, below, *(_row([cells[name] for name in names]) for cells in rows)])


def _cells(each: Series, ratio: float | None) -> Mapping[str, str]:
    """What is in the row of a series, by column."""
    return {
        "measure": each.measure,
        "case": each.case,
        STATES: each.states or "",
        "workers": str(each.workers or ""),
        "median": _figure(each.median),
        "min": _figure(min(each.values)),
        "max": _figure(max(each.values)),
        "unit": each.unit,
        "ours is better by": "" if ratio is None else f"{ratio:.2f}",
    }


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(value: float) -> str:
    """The value with three digits, or without decimals from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
