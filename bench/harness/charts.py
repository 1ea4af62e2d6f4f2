"""The data of each plot, from the saved figures; needs no library that draws."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

from bench.harness.series import States

Medians = Mapping[str, Mapping[str, float]]
"""By measure, then by case."""

OURS: Final = "ours"
LESS: Final = "less is better"
MORE: Final = "more is better"


class Bars(NamedTuple):
    """A bar for each case and series; with `stacked`, one bar for each case with all its series."""

    title: str
    unit: str
    bars: Mapping[str, Mapping[str, float]]
    """By case, then by series."""
    stacked: bool = False


class Curves(NamedTuple):
    """A measure by the number of jobs that the store holds."""

    title: str
    unit: str
    lines: Mapping[str, Mapping[int, float]]
    """By kind of the jobs, then by their number."""


Chart = Bars | Curves


def charts(folder: Path) -> Mapping[str, Sequence[Chart]]:
    """The panels of each image, by its name; images without any measured figure are left out."""
    speed, growth, footprint, nodes = (
        _medians(folder / f"{name}.json") for name in ("speed", "growth", "footprint", "nodes")
    )
    found: Mapping[str, Sequence[Chart]] = {
        "drains": _drains(speed, _stateless(folder / "speed.json")),
        "starts": _starts(speed),
        "submits": _submits(speed),
        "growth": _growth(growth),
        "memory": _memory(footprint),
        "nodes": _nodes(nodes),
    }
    return {name: panels for name, panels in found.items() if panels}


def _medians(file: Path) -> Medians:
    """The medians of the values in a file; empty where there is no such file yet."""
    found: dict[str, dict[str, float]] = {}
    for row in _rows(file):
        found.setdefault(row["measure"], {})[row["case"]] = median(row["values"])
    return found


def _stateless(file: Path) -> frozenset[str]:
    """The cases that store no state of a job."""
    return frozenset(row["case"] for row in _rows(file) if row.get("states") == States.NOWHERE)


def _rows(file: Path) -> Sequence[Mapping[str, Any]]:
    return json.loads(file.read_text())["rows"] if file.exists() else ()


def _drains(speed: Medians, stateless: frozenset[str]) -> Sequence[Chart]:
    """A panel for those that store states, and one for the others, with ours beside them."""
    drains = speed.get("no-op jobs", {})
    same = {case: value for case, value in drains.items() if case not in stateless}
    less = {case: value for case, value in drains.items() if case in stateless | {OURS}}
    panels = {f"No-op jobs worked off ({MORE})": same}
    if stateless & drains.keys():
        panels["The same by those that store no state of a job"] = less
    return [Bars(title, "jobs/s", _descending(bars)) for title, bars in panels.items() if bars]


def _starts(speed: Medians) -> Sequence[Chart]:
    bars = _by_case(speed, "submit to start, idle, ")
    return [Bars(f"From submit to start, idle ({LESS})", "ms", bars)] if bars else []


def _submits(speed: Medians) -> Sequence[Chart]:
    bars = _by_case(speed, "single submits, ")
    return [Bars(f"Single submits over HTTP ({MORE})", "jobs/s", bars)] if bars else []


def _growth(growth: Medians) -> Sequence[Chart]:
    """A panel for each measure, with a line for each kind of jobs that the store held."""
    lines: dict[str, dict[str, Mapping[int, float]]] = {}
    for measure, of_count in growth.items():
        what, beside, kind = measure.partition(", beside ")
        if beside:
            points = {int(count.replace(",", "")): value for count, value in of_count.items()}
            lines.setdefault(what, {})[kind] = points
    return [
        Curves(what.capitalize(), "jobs/s" if "no-op" in what else "ms", found)
        for what, found in lines.items()
    ]


def _memory(footprint: Medians) -> Sequence[Chart]:
    bars = {
        measure.removeprefix("memory, "): {
            kind: value for kind, value in of_kind.items() if kind != "all processes"
        }
        for measure, of_kind in footprint.items()
        if measure.startswith("memory, ")
    }
    return [Bars(f"Memory of a node, PSS ({LESS})", "MB", bars, stacked=True)] if bars else []


def _nodes(nodes: Medians) -> Sequence[Chart]:
    return [
        Bars(f"{measure.capitalize()} ({MORE})", "jobs/s", _single(of_case))
        for measure, of_case in nodes.items()
    ]


def _by_case(medians: Medians, prefix: str) -> Mapping[str, Mapping[str, float]]:
    """Values by case, then by the rest of the measure's name after the prefix."""
    found: dict[str, dict[str, float]] = {}
    for measure, of_case in medians.items():
        if measure.startswith(prefix):
            for case, value in of_case.items():
                found.setdefault(case, {})[measure.removeprefix(prefix)] = value
    return found


def _descending(of_case: Mapping[str, float]) -> Mapping[str, Mapping[str, float]]:
    return _single(dict(sorted(of_case.items(), key=lambda each: -each[1])))


def _single(of_case: Mapping[str, float]) -> Mapping[str, Mapping[str, float]]:
    """Bars of one series, which needs no name."""
    return {case: {"": value} for case, value in of_case.items()}
