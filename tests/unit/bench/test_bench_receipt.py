"""The README shows a receipt and a comparison that were measured."""

from __future__ import annotations

import json

from bench.harness.abort_report import CASES
from bench.receipt import FIGURES, PICTURE, picture, sentence
from tests.support.nodes import ROOT
from tests.support.pages.readme import table

MEASURED = {
    "AtlanScheduler, `grace_s=0`": "ours, tree of 10",
    "Celery, `revoke(terminate=True, signal=SIGKILL)`": (
        "Celery, revoke(terminate=True, signal=SIGKILL), tree of 10"
    ),
    "RQ, `send_stop_job_command`": "RQ, send_stop_job_command, tree of 10",
}
"""The rows of the README's table, and their cases in bench/results/aborts.json."""


def test_the_picture_is_drawn_from_the_figures_of_a_run() -> None:
    """A figure that nobody measured is worth nothing; `make bench-receipt` writes both."""
    figures = json.loads(FIGURES.read_text())
    assert PICTURE.read_text() == picture(figures)
    assert f"![{sentence(figures['abort'])}](docs/images/receipt.svg)" in (
        (ROOT / "README.md").read_text()
    )


def test_the_comparison_has_the_figures_of_the_benchmark() -> None:
    """They are on the page about aborts too, and a new measurement changes both."""
    measured = {row["case"]: row for row in json.loads(CASES.file.read_text())["rows"]}
    for name, _, p50_ms, alive in table("README.md", "abort of a job with nine children"):
        row = measured[MEASURED[name]]
        assert (p50_ms, alive) == (str(row["ms"]["p50"]), str(row["survivors_max"]))
