"""The page about access shows what was measured."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from bench import authentication, isolation
from tests.support.nodes import ROOT


@pytest.mark.parametrize("bench", [authentication, isolation], ids=["authentication", "isolation"])
def test_the_page_has_the_figures_of_the_benchmark(bench: ModuleType) -> None:
    """A figure that nobody measured is worth nothing; a new measurement changes both."""
    rows = json.loads(bench.FIGURES.read_text())["rows"]
    assert len(rows) == len(bench.CASES)
    assert bench.table(rows) in (ROOT / "docs" / "access.md").read_text()
