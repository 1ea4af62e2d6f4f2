"""The texts of the statements: each says what it does, names its parameters, and is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import scheduler.store
from scheduler.core.job import ATTEMPTS_KEPT
from scheduler.store.postgres_schema import RIGHTS
from scheduler.store.statements import (
    TABLES,
    Dialect,
    migrations,
    qualified,
    statements,
    translated,
)
from tests.support.nodes import ROOT

HOME = Path(scheduler.store.__file__).parent
SQL = sorted((HOME / "sql").glob("*.sql"))
SOURCE = "\n".join(
    (HOME / name).read_text("utf-8")
    for name in (
        "sql_store.py",
        "sql_audit.py",
        "parts/dependencies.py",
        "parts/limiters.py",
        "parts/pauses.py",
        "parts/schedules.py",
        "parts/tokens.py",
        "parts/unique.py",
    )
)
PARAMETER = re.compile(r"-- \$(\d) [a-z_]+(?: \(.+\))?")
"""A line of a header that names a parameter: `-- $2 beat (NULL: whatever its beat is)`."""
FETCHES = {"self._fetch", "self._fetch_audited", "audited"}
READS = {
    "freed_limiters",
    "holding_limiters",
    "let_go_before",
    "limiter_jobs",
    "next_limiter_jobs",
    "next_opening",
    "abort_of",
    "aborts",
    "audit_of_action",
    "audit_of_actor",
    "audit_of_user",
    "audit_page",
    "calls",
    "claims_of",
    "cleanups_waiting",
    "final",
    "job_secret",
    "finished_per_step",
    "get",
    "held",
    "log",
    "next_due",
    "nodes",
    "outlines",
    "page",
    "page_of_all",
    "page_of_children",
    "page_of_parent",
    "parents_in_wait",
    "ahead",
    "lane_counts",
    "lock_overlapping",
    "lock_unique",
    "unique_free",
    "unique_holders",
    "lanes",
    "queued_needs",
    "lines_of_lane",
    "waiting_in_lane",
    "pause",
    "pauses",
    "due_schedules",
    "count_schedules",
    "failures_in_a_row",
    "within_schedules_max",
    "next_schedule",
    "occurred",
    "occurrences",
    "replaced",
    "schedule",
    "schedules",
    "refusing",
    "rerunnable",
    "rerunnable_of_user",
    "reruns",
    "reruns_of_request",
    "whole",
    "durations",
    "ended_pauses",
    "counts",
    "stored",
    "still_waiting",
    "time_of_day",
    "successors",
    "unfinished_of_group",
    "unfinished_of_schedule",
    "predecessors_there",
    "page_of_group",
    "lock_successors",
    "open_predecessors",
    "group_counts",
    "ended_predecessors",
    "edges_to_close",
    "sessions_with",
    "tokens",
    "tokens_with",
    "unaborted",
    "unfinished",
    "unfinished_by_user",
    "usage",
    "waiting",
    "lines",
    "lock_ended_pause",
    "lock_users",
    "within_quotas",
    "within_quotas_replacing",
}


@pytest.mark.parametrize("file", SQL, ids=lambda file: file.stem)
def test_a_statement_begins_with_one_sentence_that_says_what_it_does(file: Path) -> None:
    first, *_ = header(file)

    assert re.fullmatch(r"-- [A-Z].*\.", first)


@pytest.mark.parametrize("file", SQL, ids=lambda file: file.stem)
def test_a_statement_names_each_parameter_that_it_uses_and_no_other(file: Path) -> None:
    """Parameters are tied by position alone: the header is what a caller reads."""
    used = set(re.findall(r"\$(\d)", translated(file.read_text("utf-8"), Dialect.POSTGRESQL)))

    assert parameters(file) == [str(number) for number in range(1, len(used) + 1)]
    assert set(parameters(file)) == used


def test_every_statement_is_called_with_as_many_arguments_as_its_header_names() -> None:
    named = {file.stem: len(parameters(file)) for file in SQL}

    assert set(calls()) == set(named.items())


def test_every_statement_is_used_and_every_used_one_is_there() -> None:
    used = re.findall(r"(?:_fetch|_fetch_audited|audited|_end|Step)\(\s*\"(\w+)\"", SOURCE)

    assert set(used) == {file.stem for file in SQL}


def test_a_statement_writes_unless_it_only_reads() -> None:
    """So SQLite's reads go to the connection that cannot write."""
    found = statements(Dialect.SQLITE)

    assert {name for name, statement in found.items() if not statement.writes} == READS


@pytest.mark.parametrize("dialect", Dialect)
def test_a_text_is_translated_into_one_dialect(dialect: Dialect) -> None:
    text = "-- Says.\nSELECT $1 -- PostgreSQL only\nSELECT $2 -- SQLite only\nFROM json_each($3)"

    found = translated(text, dialect).split()

    assert (
        found
        == {
            Dialect.SQLITE: ["SELECT", "?2", "FROM", "json_each(?3)"],
            Dialect.POSTGRESQL: ["SELECT", "$1", "FROM", "jsonb_each($3)"],
        }[dialect]
    )


def test_every_table_is_known_to_whoever_names_tables() -> None:
    """A table that one forgets is not found in a schema, or cannot be read by a node's role."""
    scripts = "".join(migrations(Dialect.POSTGRESQL))
    made = set(re.findall(r"CREATE TABLE (\w+)", scripts))
    page = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
    granted = re.search(
        r"^GRANT SELECT, INSERT, UPDATE, DELETE ON (.*) TO node;$", page, re.MULTILINE
    )

    assert set(TABLES) == made
    assert set(RIGHTS) == {*made, "installation"}
    assert granted
    assert set(granted[1].split(", ")) == made


def test_only_tables_are_qualified() -> None:
    """An alias or a column that is called like a table stays as it is."""
    text = "UPDATE jobs SET x = jobs.y FROM jobs AS nodes, (SELECT 1) AS logs FOR UPDATE OF jobs"

    assert qualified(text, "") == text
    assert qualified(text, "a-b") == (
        'UPDATE "a-b".jobs SET x = jobs.y FROM "a-b".jobs AS nodes, (SELECT 1) AS logs'
        " FOR UPDATE OF jobs"
    )


def header(file: Path) -> list[str]:
    """The comment lines that a statement begins with."""
    lines = file.read_text("utf-8").splitlines()
    length = next(number for number, line in enumerate(lines) if not line.startswith("-- "))
    return lines[:length]


def parameters(file: Path) -> list[str]:
    """The numbers of the parameters that a header names, in their order."""
    return [found[1] for line in header(file) if (found := PARAMETER.fullmatch(line))]


def calls() -> Iterator[tuple[str, int]]:
    """Each call of a statement in sql_store.py: its name, and how many arguments it passes."""
    tree = ast.parse(SOURCE)
    for function in functions(tree):
        for name, count in fetches(function):
            if isinstance(name, ast.Constant):
                yield str(name.value), count
            else:  # a helper, which its callers give the name
                passed = re.findall(rf"self\.{function.name}\(\s*\"(\w+)\"", SOURCE)
                yield from ((each, count) for each in passed)


def functions(tree: ast.AST) -> Iterator[ast.AsyncFunctionDef | ast.FunctionDef]:
    """Those that call statements; those of `sql_audit.py` pass on what these give them."""
    kinds = (ast.AsyncFunctionDef, ast.FunctionDef)
    found = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return (node for node in found if "audited" not in node.name)


def fetches(function: ast.AsyncFunctionDef | ast.FunctionDef) -> Iterator[tuple[ast.expr, int]]:
    """The first argument of each `self._fetch`, and how many follow it."""
    lengths = {
        ast.unparse(node.targets[0]): len(node.value.elts)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Step":
            name, arguments = node.args
            if isinstance(name, ast.Constant):
                assert isinstance(arguments, ast.Tuple | ast.List)
                yield name, len(arguments.elts)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FETCHES:
            name, *passed = node.args
            if function.args.vararg:  # it passes on what it is given
                continue
            yield (
                name,
                sum(
                    lengths[ast.unparse(each.value)] if isinstance(each, ast.Starred) else 1
                    for each in passed
                ),
            )


def test_as_many_attempts_are_stored_as_are_kept() -> None:
    """The statement has the number as text; the reader would hide one too many."""
    text = (HOME / "sql" / "give_back.sql").read_text("utf-8")

    assert text.count(f">= {ATTEMPTS_KEPT} ") == len(Dialect)
