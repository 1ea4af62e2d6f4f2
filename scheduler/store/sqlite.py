"""SQLite, for one node: one connection that writes, two that only read, and a lock file.

Before 3.51.3, two connections that write or checkpoint can corrupt a database in WAL mode. So all
writes, and with them all checkpoints, go through one connection in one process. The others are
opened read-only, so that a read of 8 MiB does not delay the claims behind it. One of them is only
for the lease and for aborts, and their writes go ahead of all that wait: neither a long line of
reads nor one of writes makes the node lose its lease.

Concurrent writes share a transaction, whatever they do: a commit costs as much as ten claims, and a
hop to the connection's thread as much as five.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import aiosqlite

from scheduler.basics.background import background
from scheduler.basics.batch import Batch
from scheduler.basics.file_lock import locked
from scheduler.basics.private_files import narrow
from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import sqlite_space
from scheduler.store.database import Argument, Database, Migrated, Row, Step, available
from scheduler.store.schema import migrate
from scheduler.store.statements import AHEAD, Dialect, statements

_Kind = TypeVar("_Kind", bound=aiosqlite.Connection)

VERSION_MIN: Final = (3, 38, 0)
"""The first version with the operator `->>`; RETURNING came with 3.35."""
ROWS_AT_A_TIME: Final = 64
"""For a cursor that is iterated over; ours never are."""
BUSY_S: Final = 5.0
"""How long a statement waits for another program's lock, such as a backup with `sqlite3`."""
SHARED_CHARACTERS_MAX: Final = 64 * 1024
"""Of all arguments of the writes in one transaction; a larger write runs alone."""
LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
"""Result codes where another program holds a lock."""
REFUSED_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_RANGE,
    }
)
"""Result codes caused by one call, its arguments or its text; all others by file or machine."""
REFUSED_ARGUMENTS: Final = (OverflowError, UnicodeError, sqlite3.InterfaceError)
"""Python's errors for arguments that it cannot pass on: large numbers, lone surrogates."""


class Call(NamedTuple):
    """A statement to run."""

    text: str
    arguments: Sequence[Argument]
    optional: bool = False


Chain = Sequence[Call]
"""Statements to run one after the other, up to the first that returns no rows and is needed."""
Answers = Sequence[Sequence[Row]]
"""The rows of each statement of a chain that ran."""


class Writer(aiosqlite.Connection):
    """A connection whose thread runs several statements in one hop."""

    async def run(self, chains: Sequence[Chain]) -> Sequence[Answers]:
        """Run the statements as one transaction, with its commit; the rows of each."""
        answers: Sequence[Answers] = await self._execute(  # type: ignore[no-untyped-call]
            self._run, chains
        )
        return answers

    def _run(self, chains: Sequence[Chain]) -> Sequence[Answers]:
        if sum(map(len, chains)) == 1:  # commits by itself
            return [self._rows(chain) for chain in chains]
        self._conn.execute("BEGIN IMMEDIATE")
        try:
            answers = [self._rows(chain) for chain in chains]
            self._conn.execute("COMMIT")
        except BaseException:
            if self._conn.in_transaction:  # some errors have rolled back already
                self._conn.execute("ROLLBACK")
            raise
        return answers

    def _rows(self, chain: Chain) -> Answers:
        answers = []
        for call in chain:
            answers.append(self._conn.execute(call.text, call.arguments).fetchall())
            if not (answers[-1] or call.optional):
                break
        return answers


class SqliteDatabase:
    """A database in a file. Made by `open_sqlite`."""

    def __init__(
        self,
        *,
        writer: Writer,
        reader: aiosqlite.Connection,
        reader_ahead: aiosqlite.Connection,
        migrated: Migrated,
    ) -> None:
        self.migrated = migrated
        self.identity = migrated.identity
        self.writes = Batch(self._write_all, weight=_characters, weight_max=SHARED_CHARACTERS_MAX)
        self._writer = writer
        self._reader = reader
        self._reader_ahead = reader_ahead
        self._statements = statements(Dialect.SQLITE)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. If cancelled, the statement still runs to its end."""
        text, writes = self._statements[name]
        if writes:
            (rows,) = await self.writes([Call(text, arguments)], ahead=name in AHEAD)
            return rows
        reader = self._reader_ahead if name in AHEAD else self._reader
        with available("SQLite", _refused):
            return list(await reader.execute_fetchall(text, arguments))

    async def fetch_chain(
        self,
        steps: Sequence[Step],
        *,
        locked: str | None = None,  # noqa: ARG002 - one write comes after the other anyway
    ) -> Sequence[Sequence[Row]]:
        """See `Database`. If cancelled, the statements still run to their end."""
        chain = [Call(self._statements[step.name].text, *step[1:]) for step in steps]
        return await self.writes(chain, ahead=steps[0].name in AHEAD)

    async def _write_all(self, chains: Sequence[Chain]) -> Sequence[Answers]:
        # Where one of several is refused, `Batch` runs each alone, to find which one it is.
        with available("SQLite", _refused):
            return await self._writer.run(chains)


@asynccontextmanager
async def open_sqlite(path: Path) -> AsyncIterator[Database]:
    """Open the database in a file; file and folder are created if missing.

    Args:
        path: absolute and without symbolic links, so that one file has one lock.

    Raises:
        StartError: the file cannot be used, or another process uses it.
        StoreUnavailable: another program holds a lock on it.
    """
    async with AsyncExitStack() as stack:
        with usable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(path.with_name(f"{path.name}.lock"), guards=path))
            _create(path)
            for end in ("", ".lock", "-wal", "-shm"):  # those of an earlier version are open to all
                narrow(path.with_name(path.name + end))
            writer = await stack.enter_async_context(_connected(Writer, path.as_uri()))
            await sqlite_space.prepare(writer)
            await writer.execute_fetchall("PRAGMA journal_mode = WAL")
            # What a power cut takes back of a migration, the next start does again.
            await writer.execute_fetchall("PRAGMA synchronous = NORMAL")
            # Else a deleted job would leave its log and the calls of its hook behind.
            await writer.execute_fetchall("PRAGMA foreign_keys = ON")
            migrated = await migrate(
                Dialect.SQLITE,
                where=str(path),
                run=lambda script: writer.executescript(f"BEGIN IMMEDIATE; {script}; COMMIT"),
                fetch=writer.execute_fetchall,
            )
            # FULL: what is answered is on the disk. NORMAL loses the last commits in a power cut.
            await writer.execute_fetchall("PRAGMA synchronous = FULL")
            gives_back = await sqlite_space.can_give_back(writer, where=str(path))
            reader, reader_ahead = [
                await stack.enter_async_context(_reading(path)) for _ in range(2)
            ]
        database = SqliteDatabase(
            writer=writer, reader=reader, reader_ahead=reader_ahead, migrated=migrated
        )
        await stack.enter_async_context(background(sqlite_writes=database.writes.serve()))
        if gives_back:
            space = sqlite_space.give_back(writer, reader)
            await stack.enter_async_context(background(sqlite_space=space))
        yield database


@asynccontextmanager
async def _connected(kind: type[_Kind], uri: str) -> AsyncIterator[_Kind]:
    """A connection, closed at the end: an open one keeps the interpreter from exiting."""
    # Without an isolation level no transaction begins by itself: each statement commits.
    connect = partial(sqlite3.connect, uri, uri=True, timeout=BUSY_S, isolation_level=None)
    connection = kind(connect, ROWS_AT_A_TIME)
    async with connection:
        connection.row_factory = sqlite3.Row
        yield connection


@asynccontextmanager
async def _reading(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """A connection that only reads. It has its files open: later, descriptors may be short."""
    async with _connected(aiosqlite.Connection, f"{path.as_uri()}?mode=ro") as connection:
        await connection.execute_fetchall("SELECT version FROM installation")
        yield connection


def _refused(error: Exception) -> bool:
    """Whether one call is at fault, so that others are not affected."""
    if isinstance(error, sqlite3.Error) and _code(error) in REFUSED_CODES:
        return True
    return isinstance(error, REFUSED_ARGUMENTS)


def _characters(chain: Chain) -> int:
    return sum(len(each) for call in chain for each in call.arguments if isinstance(each, str))


def _create(path: Path) -> None:
    """Create the file if missing, and raise here if it cannot be opened.

    If aiosqlite failed to open it, its thread would run on for a moment and might raise after our
    loop ended. Call it only while we hold the lock file: closing a file releases all locks that
    SQLite has on it in this process.
    """
    path.open("ab").close()


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turn errors of the opening into ones that tell the operator what is wrong."""
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
        if _code(error) in LOCKED:
            raise StoreUnavailable(f"{path}: {error}") from error
        raise StartError(f"{path}: cannot be used as a database: {error}") from error


def _code(error: sqlite3.Error) -> int | None:
    """The primary result code; None where the error comes from Python, not from SQLite."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
