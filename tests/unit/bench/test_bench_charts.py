"""The plots show what was measured."""

from __future__ import annotations

import json
from pathlib import Path

from bench.harness.charts import Bars, Curves, charts


def test_peers_are_in_order_by_the_medians_of_their_rounds(tmp_path: Path) -> None:
    """So one disturbed round does not change the order."""
    keep(tmp_path, "speed", {"no-op jobs": {"slow": [10, 11, 900], "ours": [50, 60, 1]}})
    (panel,) = charts(tmp_path)["drains"]
    assert isinstance(panel, Bars)
    assert list(panel.bars.items()) == [("ours", {"": 50}), ("slow", {"": 11})]


def test_those_that_store_no_state_of_a_job_have_a_panel_beside_ours(tmp_path: Path) -> None:
    """A bar that is longer because it does less is not to look better."""
    rows = [
        {"measure": "no-op jobs", "case": case, "states": states, "values": [value]}
        for case, states, value in (
            ("ours", "on disk", 5),
            ("kept", "in memory", 3),
            ("less", "nowhere", 9),
        )
    ]
    (tmp_path / "speed.json").write_text(json.dumps({"rows": rows}))
    same, less = charts(tmp_path)["drains"]
    assert isinstance(same, Bars)
    assert isinstance(less, Bars)
    assert list(same.bars) == ["ours", "kept"]
    assert list(less.bars) == ["less", "ours"]


def test_percentiles_of_one_case_are_in_one_panel(tmp_path: Path) -> None:
    """In the saved figures, each percentile is a measure of its own."""
    start = "submit to start, idle, "
    keep(tmp_path, "speed", {f"{start}p50": {"ours": [2]}, f"{start}p99": {"ours": [5]}})
    (panel,) = charts(tmp_path)["starts"]
    assert isinstance(panel, Bars)
    assert panel.bars == {"ours": {"p50": 2, "p99": 5}}


def test_a_measure_becomes_a_panel_with_a_line_for_each_kind_of_jobs(tmp_path: Path) -> None:
    """Measures that do not depend on the number of stored jobs are left out."""
    keep(
        tmp_path,
        "growth",
        {
            "list page, beside queued jobs": {"1,000": [3], "1,000,000": [4]},
            "list page, beside finished jobs": {"1,000": [5]},
            "SQLite, live, finished jobs": {"1,000": [6]},
        },
    )
    (panel,) = charts(tmp_path)["growth"]
    assert isinstance(panel, Curves)
    assert panel.lines == {"queued jobs": {1000: 3, 1_000_000: 4}, "finished jobs": {1000: 5}}


def test_memory_is_shown_by_kind_of_process_and_the_total_is_not(tmp_path: Path) -> None:
    """The total is the end of the stacked bars, and no bar of its own."""
    figures = {"all processes": [9.0], "node": [5.0], "warden": [4.0]}
    keep(tmp_path, "footprint", {"memory, 1 worker": figures, "memory": {"each further": [1]}})
    (panel,) = charts(tmp_path)["memory"]
    assert isinstance(panel, Bars)
    assert panel.bars == {"1 worker": {"node": 5, "warden": 4}}


def test_nothing_is_drawn_that_was_not_measured(tmp_path: Path) -> None:
    """The others are drawn even if one benchmark was never run."""
    assert charts(tmp_path) == {}


def keep(folder: Path, name: str, figures: dict[str, dict[str, list[float]]]) -> None:
    rows = [
        {"measure": measure, "case": case, "values": values}
        for measure, of_case in figures.items()
        for case, values in of_case.items()
    ]
    (folder / f"{name}.json").write_text(json.dumps({"rows": rows}))
