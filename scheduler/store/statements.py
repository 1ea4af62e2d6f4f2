"""SQL written once: the texts of `sql/` and `migrations/`, translated for each database.

Only four things differ: the sign before a parameter's number, the name of the function that
unfolds a JSON object, the time of day `now_ms()`, and lines that end in `-- PostgreSQL only` or
`-- SQLite only`. Comments are removed.

Where the tables are in a schema that is named, the statements name it too: the search path belongs
to a session, and behind a pooler each transaction may be in another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).parent
_COMMENT: Final = re.compile(r"--.*")
TABLES: Final = (
    "audit",
    "awaited_ends",
    "edges",
    "hook_calls",
    "jobs",
    "limiter_holds",
    "limiters",
    "logs",
    "nodes",
    "occurrences",
    "pauses",
    "schedules",
    "secrets",
    "sessions",
    "tokens",
)
"""The tables that the statements use."""
_TABLE: Final = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE)(\s+)({'|'.join(TABLES)})\b")


LEASE: Final = frozenset({"register", "renew"})
"""The statements of a node's lease: without them in time, it ends the jobs that run. They touch no
job, and so wait for no lock on jobs."""
ABORTS: Final = frozenset({"request_abort", "abort_of", "aborts"})
"""The statements that an abort needs, from its request until the job is stopped."""
AHEAD: Final = LEASE | ABORTS
"""The statements that go before all others, however many wait. All of them are small."""


class Dialect(Enum):
    """The SQL of one database."""

    SQLITE = "SQLite"
    POSTGRESQL = "PostgreSQL"


NOW_MS: Final[Mapping[Dialect, str]] = {
    Dialect.SQLITE: "CAST((julianday('now') - 2440587.5) * 86400000.0 AS integer)",
    Dialect.POSTGRESQL: "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS bigint)",
}
"""The time of day, in whole milliseconds since 1970, by the clock that all nodes share; never ahead
of it. Where a statement needs it twice, it asks once: the clock goes on meanwhile."""


class Statement(NamedTuple):
    """One named statement, ready to run."""

    text: str
    writes: bool


def statements(dialect: Dialect, *, schema: str = "") -> Mapping[str, Statement]:
    """All statements, by name; for tables in this schema, or else in the session's search path."""
    return {
        name: _statement(qualified(text, schema))
        for name, text in _of_folder("sql", dialect).items()
    }


def migrations(dialect: Dialect) -> Sequence[str]:
    """The scripts that make the schema: the first makes version 1, each other one the next."""
    return list(_of_folder("migrations", dialect).values())


@cache  # the files are a part of the program
def _of_folder(folder: str, dialect: Dialect) -> Mapping[str, str]:
    """The texts of a folder in a dialect, by their names and in the order of these."""
    files = sorted((_HERE / folder).glob("*.sql"))
    return {file.stem: translated(file.read_text("utf-8"), dialect) for file in files}


def translated(text: str, dialect: Dialect) -> str:
    """The text in a dialect, without its comments."""
    others = tuple(f"-- {each.value} only" for each in Dialect if each is not dialect)
    ours = (line for line in text.splitlines() if not line.endswith(others))
    plain = _COMMENT.sub("", "\n".join(ours))
    plain = plain.replace("now_ms()", NOW_MS[dialect])
    if dialect is Dialect.SQLITE:
        return re.sub(r"\$(\d)", r"?\1", plain)
    # jsonb is parsed once for all fields of a row, json once for each field.
    return plain.replace("json_each(", "jsonb_each(")


def qualified(text: str, schema: str) -> str:
    """The text with the tables of a schema; with none, the text as it is."""
    return _TABLE.sub(rf"\1\2{quoted(schema)}.\3", text) if schema else text


def quoted(name: str) -> str:
    """A name as SQL writes it. No backslash and no quote is allowed in one of ours."""
    return f'"{name}"'


def _statement(text: str) -> Statement:
    # Every write returns what took effect, and no read has RETURNING.
    return Statement(text, writes="RETURNING" in text)
