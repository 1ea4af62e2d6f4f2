"""The page about access shows what was measured."""

from __future__ import annotations

import json

from bench.isolation import CASES, FIGURES, table
from tests.support.nodes import ROOT


def test_the_page_has_the_figures_of_the_benchmark() -> None:
    """A figure that nobody measured is worth nothing; a new measurement changes both."""
    rows = json.loads(FIGURES.read_text())["rows"]
    assert len(rows) == len(CASES)
    assert table(rows) in (ROOT / "docs" / "access.md").read_text()
