"""A store with many jobs, written by one statement, as if a node had run for months."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

import asyncpg

from scheduler.store import open_store

SQLITE: Final = "sqlite:///"
NUMBERS_SQLITE: Final = (
    "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < %d)"
)
NUMBERS_POSTGRES: Final = "WITH n(n) AS (SELECT generate_series(1, %d))"
ID_DIGITS: Final = 12
"""The digits of a job's number, at the end of its id."""
FINISHED: Final = Template("""
INSERT INTO jobs (id, uid, task, status, attempt, token, undoable, node, created_at, started_at,
                  finished_at, bytes, data, result)
$numbers
SELECT '$ids' || substr(CAST(1000000000000 + n AS text), 2), 'u' || (n % 3), 'task' || (n % 7),
       'successful', 1, 1, false, 'a', $since + n, $since + n, $since + n, 80,
       '{"path": "/a/file/like/many/others.csv", "rows": 1000}', '{"rows": 1000}'
  FROM n
""")
QUEUED: Final = Template("""
INSERT INTO jobs (id, uid, task, status, undoable, created_at, bytes, data)
$numbers
SELECT '$ids' || substr(CAST(1000000000000 + n AS text), 2), 'bench', '$task',
       'queued', false, $since + n, 80, $data
  FROM n
""")


HELD: Final = Template("""
INSERT INTO jobs (id, uid, task, status, undoable, created_at, bytes, data, held, run_at, due_at)
$numbers
SELECT '$ids' || substr(CAST(1000000000000 + n AS text), 2), 'bench', 'noop',
       'queued', false, $since, 80, 'null', 'run_at', $due + n, $due + n
  FROM n
""")
MONTHS_MS: Final = 100 * 86_400_000
"""Longer than any benchmark takes."""


class Rows(NamedTuple):
    """A number of jobs of one kind."""

    jobs: int
    text: str
    """An INSERT, in which `$numbers` stands for the source of the numbers."""


def finished(count: int) -> Rows:
    """Jobs of three users that finished in the last minutes, a millisecond apart."""
    ids = "019ab000-0000-7000-8000-"
    return Rows(count, FINISHED.safe_substitute(ids=ids, since=_now_ms() - count))


def queued(count: int, *, group: int, task: str, data: str) -> Rows:
    """Queued jobs of one task, behind those of a lower group.

    `data` is an SQL expression for JSON, in which `n` is the number of the job.
    """
    ids, since = _queued_ids(group), _now_ms() - count
    return Rows(count, QUEUED.safe_substitute(ids=ids, task=task, since=since, data=data))


def held(count: int) -> Rows:
    """Queued jobs that wait for months, each for another millisecond."""
    ids, now = "029ab000-0000-7000-8000-", _now_ms()
    return Rows(count, HELD.safe_substitute(ids=ids, since=now, due=now + MONTHS_MS))


def queued_id(number: int, *, group: int) -> str:
    """The id of a queued job; the first is number 1."""
    return f"{_queued_ids(group)}{number:0{ID_DIGITS}}"


async def fill(url: str, *, data_dir: Path, rows: Sequence[Rows]) -> None:
    """Make a store with these jobs, before any node uses it."""
    async with open_store(url, data_dir=data_dir):
        pass
    if url.startswith(SQLITE):
        await asyncio.to_thread(_fill_sqlite, url.removeprefix(SQLITE), rows)
    else:
        await _fill_postgres(url, rows)


def _fill_sqlite(file: str, rows: Sequence[Rows]) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    for each in rows:
        connection.execute(Template(each.text).substitute(numbers=NUMBERS_SQLITE % each.jobs))
    connection.close()


async def _fill_postgres(url: str, rows: Sequence[Rows]) -> None:
    connection = await asyncpg.connect(url)
    for each in rows:
        text = Template(each.text).substitute(numbers=NUMBERS_POSTGRES % each.jobs)
        await connection.execute(text)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def _queued_ids(group: int) -> str:
    return f"019ab001-000{group}-7000-8000-"


def _now_ms() -> int:
    return int(time.time() * 1000)
