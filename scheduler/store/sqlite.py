"""SQLite, for one node: one writing connection, one that only reads, a lock file beside them.

Before 3.51.3, two connections that write or checkpoint can corrupt a database in WAL mode. So all
writes, and with them all checkpoints, go through one connection in one process. The other one is
opened read-only: it keeps a page of 8 MiB from delaying the claims behind it.
"""

from __future__ import annotations

import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Final

import aiosqlite

from scheduler.errors import StartError, StoreUnavailable
from scheduler.lock import locked
from scheduler.store.schema import migrate
from scheduler.store.statements import Dialect, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from pathlib import Path

    from scheduler.store.database import Argument, Database, Row

VERSION_MIN: Final = (3, 38, 0)
"""The first with the operator `->>`; RETURNING came with 3.35."""
BUSY_S: Final = 5.0
"""How long a statement waits for a stranger with a lock, such as a backup by the command line."""
UNAVAILABLE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Result codes that tell of the file and its surroundings; all others tell of a defect of ours."""


class SqliteDatabase:
    """A database in a file. Made by `open_sqlite`."""

    def __init__(
        self, *, writer: aiosqlite.Connection, reader: aiosqlite.Connection, identity: str
    ) -> None:
        self.identity = identity
        self._writer = writer
        self._reader = reader
        self._statements = statements(Dialect.SQLITE)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. One hop to the connection's thread, the commit included.

        Cancelled, the hop goes on to its end without us.
        """
        text, writes = self._statements[name]
        connection = self._writer if writes else self._reader
        try:
            return list(await connection.execute_fetchall(text, arguments))
        except sqlite3.Error as error:
            if _code(error) in UNAVAILABLE:
                raise StoreUnavailable(f"SQLite: {error}") from error
            raise


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[Database]:
    """Open the database in a file, and make the file and its folder where they are not there.

    Args:
        path: absolute and without links, so that one file has one lock.

    Raises:
        StartError: the file cannot be used, or another process uses it.
        StoreUnavailable: a stranger has it locked.
    """
    async with AsyncExitStack() as stack:
        with _usable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(path.with_name(f"{path.name}.lock"), guards=path))
            _make(path)
            writer = await stack.enter_async_context(_connected(path.as_uri()))
            await writer.execute_fetchall("PRAGMA journal_mode = WAL")
            # FULL: what is answered is on the disk. NORMAL loses the last commits with the power.
            await writer.execute_fetchall("PRAGMA synchronous = FULL")
            # Else a job that is deleted would leave its log and the calls of its hook behind.
            await writer.execute_fetchall("PRAGMA foreign_keys = ON")
            identity = await migrate(
                Dialect.SQLITE,
                place=str(path),
                run=lambda script: writer.executescript(f"BEGIN IMMEDIATE; {script}; COMMIT"),
                fetch=writer.execute_fetchall,
            )
            reader = await stack.enter_async_context(_connected(f"{path.as_uri()}?mode=ro"))
        yield SqliteDatabase(writer=writer, reader=reader, identity=identity)


@asynccontextmanager
async def _connected(uri: str) -> AsyncIterator[aiosqlite.Connection]:
    """A connection, closed at the end: one that is not keeps the interpreter from exiting."""
    # Without an isolation level no transaction begins by itself: each statement commits.
    async with aiosqlite.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def _make(path: Path) -> None:
    """Make the file, or find out here that it cannot be opened.

    When aiosqlite finds out, its thread goes on for a moment and may complain after our loop ended.
    Only under the lock: to close a file drops what SQLite has locked of it in this process.
    """
    path.open("ab").close()


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Say what keeps the file from being opened, to the person who can mend it."""
    if sqlite3.sqlite_version_info < VERSION_MIN:
        raise StartError(
            f"this Python has SQLite {sqlite3.sqlite_version}, which is older than"
            f" {'.'.join(map(str, VERSION_MIN))}: use another Python, or PostgreSQL as the store"
        )
    try:
        yield
    except OSError as error:
        raise StartError(f"{path}: cannot be opened or made: {error.strerror}") from error
    except sqlite3.Error as error:
        if _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StoreUnavailable(f"{path}: {error}") from error
        raise StartError(f"{path}: cannot be used as a database: {error}") from error


def _code(error: sqlite3.Error) -> int | None:
    """The primary result code; None where the error is not SQLite's but Python's."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
