"""The reports of `make bench-abort`: figures as JSON, and a table of them in `docs/aborts.md`.

The tables are made from the JSON, so that the two never disagree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.harness import samples, stages
from bench.harness.run import RESULTS, ROOT

PAGE: Final = ROOT / "docs" / "aborts.md"
END: Final = "<!-- until here. -->\n"


class Report(NamedTuple):
    """What one part of the benchmark writes."""

    file: Path
    """Its figures."""
    begin: str
    """The line of the page after which the table stands."""
    table: Callable[[Iterable[Mapping[str, Any]]], str]


CASES: Final = Report(
    RESULTS / "aborts.json", "<!-- Written by `make bench-abort`: -->\n", samples.table
)
STAGES: Final = Report(
    RESULTS / "abort_stages.json",
    "<!-- Written by `make bench-abort ONLY=stages`: -->\n",
    stages.table,
)
JUNK: Final = Report(
    RESULTS / "abort_junk.json",
    "<!-- Written by `make bench-abort ONLY=junk`: -->\n",
    samples.compared,
)


def write_report(report: Report, document: Mapping[str, Any]) -> None:
    """Write the JSON and the table."""
    RESULTS.mkdir(exist_ok=True)
    report.file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(updated(PAGE.read_text(), report, document))


def updated(page: str, report: Report, document: Mapping[str, Any]) -> str:
    """The page with these figures between the report's marks."""
    before, _, rest = page.partition(report.begin)
    _, _, after = rest.partition(END)
    return f"{before}{report.begin}\n{_section(report, document)}\n{END}{after}"


def _section(report: Report, document: Mapping[str, Any]) -> str:
    return (
        f"Measured on {document['measured_at'][:10]} with version {document['scheduler']}, Python"
        f" {document['python']} and {document['system']} on {document['cpus']} CPUs, in"
        f" {document['rounds']} rounds:\n\n{report.table(document['rows'])}\n"
    )
