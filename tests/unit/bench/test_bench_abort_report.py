"""The page about aborts shows the figures that were measured, and no others."""

from __future__ import annotations

import json

import pytest

from bench.harness.abort_report import CASES, END, JUNK, PAGE, STAGES, Report, updated

REPORTS = (CASES, STAGES, JUNK)
ABOUT = {"scheduler": "1", "python": "3", "system": "Linux", "cpus": 2, "rounds": 1}


@pytest.mark.parametrize("report", REPORTS)
def test_the_figures_on_the_page_are_those_of_the_last_run(report: Report) -> None:
    """Figures that are copied by hand soon belong to another version."""
    page = PAGE.read_text()
    assert page == updated(page, report, json.loads(report.file.read_text()))
    assert page.count(report.begin) == 1
    assert page.count(END) == len(REPORTS)


def test_figures_replace_those_of_the_run_before() -> None:
    """The rest of the page stays as it is, with the other report in it."""
    row = {"case": "ours", "samples": 2, "ms": {"p50": 1, "p99": 2, "max": 3}, "survivors_max": 0}
    row |= {"target_ms": {"p50": 12}, "requests_per_s": None}
    document = {"measured_at": "2026-11-01T10:00:00+00:00", **ABOUT, "rows": [row]}
    others = f"between\n{STAGES.begin}its table\n{END}after\n"
    once = updated(f"before\n{CASES.begin}old\n{END}{others}", CASES, document)
    assert once.startswith("before\n")
    assert once.endswith(others)
    assert "| ours | 2 | 1 | 2 | 3 | 0 | p50 ≤ 12 |" in once
    assert "old" not in once
    assert updated(once, CASES, document) == once
