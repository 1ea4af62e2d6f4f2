"""The table of aborts in libraries in `docs/aborts.md`, one row for each case."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

HEAD: Final = (
    "| in the middle of the job | what the abort does | signal | p50 ms | ended or free then |\n"
    "|---|---|---|--:|---|"
)
TABLE: Final = re.compile(r"(?<=<!-- libraries -->\n).*(?=<!-- /libraries -->)", re.DOTALL)


class Row(NamedTuple):
    """One row; its cells in their order."""

    does: str
    happens: str
    signal: str
    took_ms: str
    free: str


def rows(text: str) -> Sequence[Row]:
    """The rows of a page."""
    (table,) = TABLE.findall(text)
    return [Row(*line.strip("| ").split(" | ")) for line in table.splitlines()[2:]]


def keep(page: Path, row: Row, order: Sequence[str]) -> None:
    """Put a row into the page's table, in the place of an earlier one."""
    text = page.read_text("utf-8")
    kept = {each.does: each for each in (*rows(text), row) if each.does in order}
    table = _table(kept[does] for does in order if does in kept)
    page.write_text(TABLE.sub(lambda _: table, text), "utf-8")


def _table(rows: Iterable[Row]) -> str:
    return "\n".join([HEAD, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"
