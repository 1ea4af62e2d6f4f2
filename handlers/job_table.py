"""The rows that one job wrote to a table of a SQLite database, so that they can be removed.

    add      begin · create the table, unless it exists · insert · commit        a batch at a time
    remove   begin · delete the rows of this job, or drop its table · commit     safe to repeat

Each is one transaction, so a job that dies leaves complete batches and nothing else. Every row has
the id of its job. The index on these ids is created together with the table, and its name says
which job created both; so this is known exactly as long as the table exists.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

JOB_ID = "_job_id"
BUSY_S = 30.0
"""How long to wait for another job's batch to be committed."""


@contextmanager
def connected(path: Path, *, create: bool) -> Iterator[sqlite3.Connection]:
    """Open a SQLite database; if it is missing, create it only with `create`."""
    uri = f"{path.as_uri()}?mode={'rwc' if create else 'rw'}"
    with closing(
        sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    ) as connection:
        yield connection


class JobTable:
    """One job's rows in one table."""

    def __init__(self, connection: sqlite3.Connection, *, table: str, job_id: str) -> None:
        self._connection = connection
        self._table = table
        self._job_id = job_id
        self._index = f"{table} created by job {job_id}"

    def add(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Insert rows, and create the table if it does not exist, or has been dropped since.

        Raises:
            ValueError: the table exists and has other columns.
        """
        columns = [*columns, JOB_ID]
        names = ", ".join(map(quoted, columns))
        marks = ", ".join("?" * len(columns))
        with self._transaction():
            self._ensure(columns)
            self._connection.executemany(
                f"INSERT INTO {quoted(self._table)} ({names}) VALUES ({marks})",  # noqa: S608
                ([*row, self._job_id] for row in rows),
            )

    def remove(self) -> None:
        """Remove all that this job wrote to the table, in any of its attempts."""
        table = quoted(self._table)
        with self._transaction():
            if JOB_ID not in self._columns():
                return
            if self._created() and not self._has_rows_of_others():
                self._connection.execute(f"DROP TABLE {table}")
            else:
                self._connection.execute(f"DELETE FROM {table} WHERE {JOB_ID} = ?", [self._job_id])  # noqa: S608

    def _ensure(self, columns: Sequence[str]) -> None:
        present = self._columns()
        if not present:
            typed = ", ".join(f"{quoted(column)} TEXT NOT NULL" for column in columns)
            self._connection.execute(f"CREATE TABLE {quoted(self._table)} ({typed})")
            self._connection.execute(
                f"CREATE INDEX {quoted(self._index)} ON {quoted(self._table)} ({JOB_ID})"
            )
        elif {column.lower() for column in present} != {column.lower() for column in columns}:
            raise ValueError(
                f"the table {self._table!r} has the columns {', '.join(present)}; "
                f"needed are {', '.join(columns)}"
            )

    def _columns(self) -> list[str]:
        """The columns of the table; empty if there is no table."""
        found = self._connection.execute("SELECT name FROM pragma_table_info(?)", [self._table])
        return [name for (name,) in found]

    def _created(self) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?"
        return self._connection.execute(query, [self._index]).fetchone() is not None

    def _has_rows_of_others(self) -> bool:
        query = f"SELECT 1 FROM {quoted(self._table)} WHERE {JOB_ID} <> ? LIMIT 1"  # noqa: S608
        return self._connection.execute(query, [self._job_id]).fetchone() is not None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._connection:  # commits, or rolls back after any exception
            self._connection.execute("BEGIN IMMEDIATE")
            yield


def quoted(name: str) -> str:
    """A name quoted for SQL, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'
