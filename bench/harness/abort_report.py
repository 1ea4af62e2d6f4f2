"""The report of `make bench-abort`: figures as JSON, and a table of them in `docs/aborts.md`.

The table is made from the JSON, so that the two never disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from bench.harness.run import RESULTS, ROOT
from bench.harness.samples import table

FIGURES: Final = RESULTS / "aborts.json"
PAGE: Final = ROOT / "docs" / "aborts.md"
BEGIN: Final = "<!-- Written by `make bench-abort`: -->\n"
END: Final = "<!-- until here. -->\n"


def write_report(document: Mapping[str, Any]) -> None:
    """Write the JSON and the table."""
    RESULTS.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(updated(PAGE.read_text(), document))


def updated(page: str, document: Mapping[str, Any]) -> str:
    """The page with these figures between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_section(document)}\n{END}{after}"


def _section(document: Mapping[str, Any]) -> str:
    return (
        f"Measured on {document['measured_at'][:10]} with version {document['scheduler']}, Python"
        f" {document['python']} and {document['system']} on {document['cpus']} CPUs, in"
        f" {document['rounds']} rounds:\n\n{table(document['rows'])}\n"
    )
