"""The texts of the statements: each tells what it does, is used, and finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import scheduler.store
from scheduler.store.statements import Dialect, migrations, statements, translated

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(scheduler.store.__file__).parent
SQL = sorted((HOME / "sql").glob("*.sql"))
READS = {
    "aborts",
    "calls",
    "claims_of",
    "endings",
    "get",
    "log",
    "nodes",
    "page",
    "page_of_all",
    "spans",
    "standing",
    "stored",
    "unfinished",
    "unfinished_by_user",
    "waiting",
}


@pytest.fixture
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for script in migrations(Dialect.SQLITE):
        connection.executescript(script)
    yield connection
    connection.close()


@pytest.mark.parametrize("file", SQL, ids=lambda file: file.stem)
def test_a_statement_begins_with_one_sentence_that_says_what_it_does(file: Path) -> None:
    first, second, *_ = file.read_text("utf-8").splitlines()

    assert re.fullmatch(r"-- [A-Z].*\.", first)
    assert not second.startswith("--")


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    source = (HOME / "store.py").read_text("utf-8")

    used = re.findall(r"(?:_fetch|_end)\(\s*\"(\w+)\"", source)

    assert set(used) == {file.stem for file in SQL}


def test_a_statement_writes_unless_it_only_reads() -> None:
    """By that, SQLite's reads go to the connection that cannot write."""
    found = statements(Dialect.SQLITE)

    assert {name for name, statement in found.items() if not statement.writes} == READS


@pytest.mark.parametrize("dialect", Dialect)
def test_a_text_is_spoken_in_one_dialect(dialect: Dialect) -> None:
    text = "-- Says.\nSELECT $1 -- PostgreSQL only\nSELECT $2 -- SQLite only\nFROM json_each($3)"

    spoken = translated(text, dialect).split()

    assert (
        spoken
        == {
            Dialect.SQLITE: ["SELECT", "?2", "FROM", "json_each(?3)"],
            Dialect.POSTGRESQL: ["SELECT", "$1", "FROM", "jsonb_each($3)"],
        }[dialect]
    )


@pytest.mark.parametrize("name", sorted(statements(Dialect.SQLITE)))
def test_no_statement_reads_all_jobs(sqlite: sqlite3.Connection, name: str) -> None:
    """With a million jobs, whatever looks at each of them stops the house."""
    text, _ = statements(Dialect.SQLITE)[name]
    arguments = [None] * max(map(int, re.findall(r"\?(\d)", text)), default=0)

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", arguments)]

    # An index that has only the rows that are looked for may be read from end to end.
    whole = r"SCAN jobs(?! USING (COVERING )?INDEX jobs_(owned|waiting|deletable))"
    assert not [step for step in plan if re.match(whole, step)]


def test_a_page_of_one_status_sorts_only_what_it_shows(sqlite: sqlite3.Connection) -> None:
    """A user with a million finished jobs asks for the three that run."""
    text, _ = statements(Dialect.SQLITE)["page"]

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", [None] * 6)]

    assert "SEARCH jobs USING COVERING INDEX jobs_of_user (uid=? AND status=? AND id<?)" in plan
