"""The short form of `make chaos`: some seconds of faults, and the same checks."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.report import RUNS_HEAD, faults_table, keep, run_row
from tests.chaos.run import run


async def test_nothing_is_lost_and_nothing_runs_twice_whatever_dies(
    tmp_path: Path, redis_program: str
) -> None:
    """The README's guarantees under faults; a new seed whenever this is changed."""
    results = await run(
        seconds=4, seed="short", nodes=2, folder=tmp_path, redis_program=redis_program
    )

    assert [flaw for result in results for flaw in result.wrong] == [], faults_table(results)
    assert all(result.jobs and result.recoveries for result in results)


def test_a_kept_run_replaces_the_one_of_its_seed(tmp_path: Path) -> None:
    """The program writes the page's table, so the two never disagree."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- chaos -->\n{RUNS_HEAD}\n<!-- /chaos -->\nafter\n")

    for seconds in (60, 300):
        keep(page, run_row([], seed="b", seconds=seconds))
        keep(page, run_row([], seed="a", seconds=seconds))

    rows = [line for line in page.read_text().splitlines() if line.startswith(("| a", "| b"))]
    assert [row[:9] for row in rows] == ["| a | 300", "| b | 300"]
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("<!-- /chaos -->\nafter\n")
