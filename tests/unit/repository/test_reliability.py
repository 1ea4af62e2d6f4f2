"""The page about reliability names a test for each guarantee, and these tests exist."""

from __future__ import annotations

import re

from tests.support.nodes import ROOT


def test_every_test_that_the_page_names_is_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", page))
    assert len(named) > 15
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_every_failure_is_shown_by_a_test() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    table = page.partition("## By failure")[2].partition("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if "`tests/" not in row] == []
