"""The page about aborts shows the figures that were measured, and no others."""

from __future__ import annotations

import json

from bench.harness.abort_report import BEGIN, END, FIGURES, PAGE, updated


def test_the_figures_on_the_page_are_those_of_the_last_run() -> None:
    """Figures that are copied by hand soon belong to another version."""
    page = PAGE.read_text()
    assert page == updated(page, json.loads(FIGURES.read_text()))
    assert page.count(BEGIN) == page.count(END) == 1


def test_figures_replace_those_of_the_run_before() -> None:
    """The rest of the page stays as it is."""
    row = {"case": "ours", "samples": 2, "ms": {"p50": 1, "p99": 2, "max": 3}, "survivors_max": 0}
    row |= {"target_ms": {"p50": 12}, "requests_per_s": None}
    about = {"scheduler": "1", "python": "3", "system": "Linux", "cpus": 2, "rounds": 1}
    document = {"measured_at": "2026-11-01T10:00:00+00:00", **about, "rows": [row]}
    once = updated(f"before\n{BEGIN}old\n{END}after\n", document)
    assert once.startswith("before\n")
    assert once.endswith("after\n")
    assert "| ours | 2 | 1 | 2 | 3 | 0 | p50 ≤ 12 |" in once
    assert "old" not in once
    assert updated(once, document) == once
