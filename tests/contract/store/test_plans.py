"""How the databases find rows: by an index, however many jobs have ended.

PostgreSQL decides by what is in its tables, so they are filled with jobs that have ended, and its
plans are those that serve any arguments; but where the limit is one of them it decides as well,
and is given. SQLite decides by the schema alone.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from scheduler import store
from scheduler.store import open_store
from scheduler.store.statements import Dialect, migrations, statements
from tests.support.servers.postgres import PostgresServer

SQL: Final = Path(store.__file__).parent / "sql"
NAMES: Final = sorted(statements(Dialect.SQLITE))
SPARSE: Final = (
    "jobs_(owned|waiting|in_lanes|needing|cleanup_waiting|cleanup_due|held|expiring|overlapping"
    "|of_schedule|paused_of_(task|user)|parked|let_go|replacing|unique)"
    "|hook_calls_due|audit_pkey|limiters_opening|schedules_due"
)
"""Indexes that have only the rows in question, and so may be read whole; of the audit log, all rows
of a range are in question, up to a number."""
FILL: Final = """
INSERT INTO jobs (id, uid, task, hook, status, attempt, token, undoable, node, created_at,
                  started_at, finished_at, bytes, data, result, idempotency_key, fingerprint,
                  parent)
SELECT '019ab000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 'u1', 'task' || n % 5, NULL,
       'successful', 1, 1, false, 'a', n, n, n, 6, 'null', 'null', 'key' || n, 'x',
       '019ab000-0000-7000-8000-' || lpad(to_hex(n / 10), 12, '0')
  FROM generate_series(1, 20000) AS n;
INSERT INTO jobs (id, uid, task, status, undoable, created_at, bytes, data)
SELECT '029ab000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), 'u' || n % 20, 'task' || n % 5,
       'queued', false, n, 4, 'null'
  FROM generate_series(1, 50) AS n;
INSERT INTO hook_calls (id, job_id, event, status, created_at)
SELECT id, id, 'job.ended', 'delivered', 1 FROM jobs WHERE finished_at IS NOT NULL;
INSERT INTO logs (job_id, slot, page, place, bytes, blocks)
SELECT id, 0, 0, 0, 1, '[]' FROM jobs WHERE finished_at IS NOT NULL;
INSERT INTO edges (parent, child, is_open)
SELECT '019ab000-0000-7000-8000-' || lpad(to_hex((n + 7 * k) % 20000 + 1), 12, '0'),
       '019ab000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), n % 2 = 0
  FROM generate_series(1, 20000) AS n, generate_series(1, 5) AS k;
INSERT INTO audit (id, at, action, actor, uid, count, detail)
SELECT '019ab000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'), n, 'abort', 'web', 'u1', 1, '{}'
  FROM generate_series(1, 20000) AS n;
INSERT INTO limiters (key, rule, jobs_max, slack_us, tat)
SELECT 'key' || n, 'rule', 1, 0, n FROM generate_series(1, 200000) AS n;
INSERT INTO schedules (uid, name, id, task, every_s, timezone, jitter_s, misfire, catchup_s,
                       overlap, paused, priority, undoable, created_at, changed_at, cursor_at,
                       next_at, revision, data)
SELECT 'u' || n % 20, 's' || n, 's' || n, 'task' || n % 5, 3600, 'UTC', 0, 'once', 3600, 'skip',
       false, 0, false, 1, 1, 1, 10000000000000 + n, 1, 'null'
  FROM generate_series(1, 20000) AS n;
INSERT INTO occurrences (schedule_id, scheduled_for, at, skipped, count)
SELECT 's' || n % 2000, n, n, 'paused', 1 FROM generate_series(1, 20000) AS n;
INSERT INTO nodes VALUES ('a', 'a', '1', 2, '[]', 0, 0, 1);
"""
LIMITED: Final = {
    "delete_audit": "'019ab000-0000-7000-8000-000000001000', 10",
    "delete_finished": "1000, 10, 1000",
    "forget_limiters": "1000, 10",
    "page": """'u1', '{"queued": 1, "running": 1, "successful": 1}', '~', NULL, 1, 1000""",
    "page_of_all": """'{"queued": 1, "running": 1, "successful": 1}', '~', NULL, 1, 1000""",
    "page_of_children": """'{"queued": 1, "running": 1}', '~', NULL, 1, 1000, 'x'""",
    "page_of_group": """'u1', '{"queued": 1, "running": 1}', '~', NULL, 1, 1000, 'x', NULL""",
    "page_of_parent": """'u1', '{"queued": 1, "running": 1}', '~', NULL, 1, 1000, 'x'""",
    "rerunnable": """'{"terminated": 1, "aborted": 1}', '', '{"a": 1}', 1, '{"lost": 1}', 10""",
    "rerunnable_of_user": """'u1', '{"terminated": 1}', '', '{"a": 1}', 1, '{"lost": 1}', 10""",
    "resume_cleanups": "1000, 10",
    "take_calls": "1000, 2000, 10, '{}', '{}'",
    "unfinished_by_user": "'queued', NULL, 10",
}
"""Arguments of the statements whose plan depends on the value of their limit."""
HELD: Final = 20_000
STEPS_OF_LOOK: Final = 100
FILL_HELD: Final = """
WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
INSERT INTO jobs (id, uid, task, status, undoable, created_at, bytes, data, held, run_at, due_at)
SELECT '019ab000-0000-7000-8000-' || printf('%012x', n), 'u1', 't1', 'queued', false, 1, 4, 'null',
       'run_at', 10000000000000 + n, 10000000000000 + n
  FROM n
"""
GROWING: Final = {
    "audit",
    "edges",
    "hook_calls",
    "jobs",
    "limiters",
    "logs",
    "occurrences",
    "schedules",
}


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    for script in migrations(Dialect.SQLITE):
        connection.executescript(script)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def held(sqlite: sqlite3.Connection) -> sqlite3.Connection:
    """With many jobs of one user that are all held until a time."""
    sqlite.execute(FILL_HELD, (HELD,))
    return sqlite


@pytest.fixture
async def postgres(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> AsyncIterator[asyncpg.Connection]:
    async with open_store(postgres_url, data_dir=tmp_path):
        pass
    schema = postgres_url.rpartition("=")[2]
    async with postgres_server.connection(schema=schema) as connection:
        await connection.execute(FILL)
        await connection.execute("ANALYZE")
        yield connection


def test_the_tables_that_grow_are_known(sqlite: sqlite3.Connection) -> None:
    """A new table must be added and filled here, or its plans prove nothing."""
    tables = {
        name for (name,) in sqlite.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }

    # As many as limited jobs run, and as many as have just ended and others wait for.
    small = {"limiter_holds", "awaited_ends"}
    assert tables - small - {"nodes", "pauses", "secrets", "sessions", "tokens"} == GROWING


@pytest.mark.parametrize("name", NAMES)
def test_sqlite_reads_no_table_from_end_to_end(sqlite: sqlite3.Connection, name: str) -> None:
    """With a million jobs, a statement that reads each of them stops the installation."""
    text, _ = statements(Dialect.SQLITE)[name]
    arguments = [None] * _arguments(text)

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", arguments)]

    whole = rf"SCAN ({'|'.join(GROWING)})(?! USING (COVERING )?INDEX ({SPARSE}))"
    assert not [step for step in plan if re.match(whole, step)]


@pytest.mark.parametrize("name", NAMES)
def test_sqlite_does_not_read_all_that_is_held(held: sqlite3.Connection, name: str) -> None:
    """Nor each job that is queued: a million of them wait for months, and cost nothing meanwhile.

    An index that has them all is not read whole by its plan, which looks for their status in it.
    """
    text, _ = statements(Dialect.SQLITE)[name]

    assert _steps(held, text, _few(name)) < HELD


@pytest.mark.parametrize(("kind", "name"), [("task", "t1"), ("uid", "u1")])
def test_sqlite_does_not_read_all_that_is_held_to_forget_a_pause(
    held: sqlite3.Connection, kind: str, name: str
) -> None:
    text, _ = statements(Dialect.SQLITE)["forget_pause"]
    held.execute(
        "INSERT INTO pauses (kind, name, paused_at, until) VALUES (?, ?, 1, 2)", (kind, name)
    )

    assert _steps(held, text, [kind, name]) < HELD


async def test_postgresql_reads_no_table_from_end_to_end(postgres: asyncpg.Connection) -> None:
    """The same for PostgreSQL, whose plans depend on statistics."""
    found = {name: [*_whole_reads(await _plan(postgres, name))] for name in NAMES}

    assert {name: reads for name, reads in found.items() if reads} == {}


@pytest.mark.parametrize("name", ["counts", "lines", "waiting"])
def test_sqlite_finds_what_waits_by_the_index_of_what_waits(
    sqlite: sqlite3.Connection, name: str
) -> None:
    """The others have all that is held, too, to be read and sorted; and rows have large texts."""
    text, _ = statements(Dialect.SQLITE)[name]
    arguments = [None] * _arguments(text)

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", arguments)]

    used = {found[1] for step in plan if (found := re.search(r" INDEX (\w*jobs\w*)", step))}
    running = {"jobs_owned", "jobs_of_all"}
    assert "jobs_waiting" in used
    assert used <= {"jobs_waiting", *running} | ({"jobs_in_lanes"} if name == "counts" else set())


@pytest.mark.parametrize("name", ["release_successors", "lock_successors"])
def test_sqlite_finds_what_waited_for_jobs_by_its_ids(
    sqlite: sqlite3.Connection, name: str
) -> None:
    """By their status, each of a thousand would be compared with all that are queued."""
    text, _ = statements(Dialect.SQLITE)[name]

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", [None])]

    assert not [step for step in plan if re.search(r" jobs_\w+", step)]


def test_a_page_of_one_status_sorts_only_what_it_shows(sqlite: sqlite3.Connection) -> None:
    """A user with a million finished jobs asks for the three that run."""
    text, _ = statements(Dialect.SQLITE)["page"]

    plan = [row[3] for row in sqlite.execute(f"EXPLAIN QUERY PLAN {text}", [None] * 6)]

    assert (
        "SEARCH jobs USING COVERING INDEX jobs_of_user (uid=? AND status>? AND (status,id)<(?,?))"
        in plan
    )


async def _plan(connection: asyncpg.Connection, name: str) -> dict[str, Any]:
    text, _ = statements(Dialect.POSTGRESQL)[name]
    mode = "custom" if name in LIMITED else "generic"
    await connection.execute(f"SET plan_cache_mode = force_{mode}_plan; PREPARE {name} AS {text}")
    arguments = LIMITED.get(name) or ", ".join(["NULL"] * _arguments(text))
    execute = f"EXECUTE {name}({arguments})" if arguments else f"EXECUTE {name}"
    explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {execute}")
    plan: dict[str, Any] = json.loads(explained)[0]["Plan"]
    return plan


def _whole_reads(step: dict[str, Any]) -> Iterator[str]:
    """The steps of a plan that read a growing table, or an index of all its rows, whole."""
    kind, index = step["Node Type"], step.get("Index Name", "")
    if step.get("Relation Name") in GROWING and not kind.startswith("Bitmap") and "Scan" in kind:
        found = step.get("Index Cond", "")
        # All ids from one on may be all jobs, if the rows in question are rare.
        if not re.fullmatch(SPARSE, index) and (
            not found or re.fullmatch(r"\(id <=? [^=]*\)", found)
        ):
            yield f"{kind} {step['Relation Name']} {index} {found}"
    for part in step.get("Plans", ()):
        yield from _whole_reads(part)


def _few(name: str) -> list[int | None]:
    """Arguments that ask for a few rows, and else for nothing."""
    header = (SQL / f"{name}.sql").read_text("utf-8")
    names = re.findall(r"^-- \$\d (\w+)", header, re.MULTILINE)
    return [10 if each in ("limit", "count_max") else None for each in names]


def _steps(connection: sqlite3.Connection, text: str, arguments: Sequence[object]) -> int:
    """How many steps of its machine SQLite makes for a statement, whose effect is taken back."""
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        return 0

    connection.set_progress_handler(look, STEPS_OF_LOOK)
    with closing(connection.cursor()) as cursor:
        cursor.execute("SAVEPOINT before")
        try:
            cursor.execute(text, arguments).fetchall()
        except sqlite3.IntegrityError:
            pass  # a row without values
        finally:
            cursor.execute("ROLLBACK TO before")
            connection.set_progress_handler(None, 0)
    return looks * STEPS_OF_LOOK


def _arguments(text: str) -> int:
    return max(map(int, re.findall(r"[?$](\d)", text)), default=0)
