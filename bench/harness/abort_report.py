"""What is kept of a run: the figures as JSON, and a table of them in `docs/aborts.md`.

The table is made of the JSON, so that the two never disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.harness.samples import table

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "bench" / "results" / "aborts.json"
PAGE: Final = ROOT / "docs" / "aborts.md"
BEGIN: Final = "<!-- Written by `make bench-abort`: -->\n"
END: Final = "<!-- until here. -->\n"


def keep(document: Mapping[str, Any]) -> None:
    """Write the JSON and the table."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    PAGE.write_text(filled(PAGE.read_text(), document))


def filled(page: str, document: Mapping[str, Any]) -> str:
    """A page with these figures between the marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_passage(document)}\n{END}{after}"


def _passage(document: Mapping[str, Any]) -> str:
    return (
        f"Measured on {document['measured_at'][:10]} with version {document['scheduler']}, Python"
        f" {document['python']} and {document['system']} on {document['cpus']} CPUs, in"
        f" {document['rounds']} rounds:\n\n{table(document['rows'])}\n"
    )
