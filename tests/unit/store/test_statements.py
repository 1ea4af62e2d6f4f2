"""The texts of the statements: each tells what it does, and is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scheduler.store
from scheduler.store.statements import Dialect, statements, translated

HOME = Path(scheduler.store.__file__).parent
SQL = sorted((HOME / "sql").glob("*.sql"))
READS = {
    "aborts",
    "calls",
    "claims_of",
    "finished_per_step",
    "get",
    "log",
    "nodes",
    "outlines",
    "page",
    "page_of_all",
    "durations",
    "counts",
    "stored",
    "unfinished",
    "unfinished_by_user",
    "waiting",
}


@pytest.mark.parametrize("file", SQL, ids=lambda file: file.stem)
def test_a_statement_begins_with_one_sentence_that_says_what_it_does(file: Path) -> None:
    first, second, *_ = file.read_text("utf-8").splitlines()

    assert re.fullmatch(r"-- [A-Z].*\.", first)
    assert not second.startswith("--")


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    source = (HOME / "sql_store.py").read_text("utf-8")

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
