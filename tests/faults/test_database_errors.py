"""Every error that a database can raise: at the start a refusal or a wait, afterwards an outage."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from asyncpg.exceptions import PostgresError
from structlog.testing import capture_logs

from scheduler.basics.background import background
from scheduler.core.errors import StartError, StoreRefused, StoreUnavailable
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from scheduler.store.database import LoggedDatabase, Migrated
from scheduler.store.postgres import Pools, PostgresDatabase, open_postgres
from scheduler.store.postgres_statements import StatementNames
from scheduler.store.postgres_url import read
from scheduler.store.sqlite import SqliteDatabase
from scheduler.store.statements import Dialect, statements
from tests.support.stores import end, new, running

UNKNOWN: Final = ("ZZ999", "F0000", "38001", "P0001", "HV000")
CODES: Final = sorted({*PostgresError._message_map, *UNKNOWN} - {"00000"})
"""All that the driver knows, each class of the appendix among them, and some that it does not."""
CLIENT_ERRORS: Final = (
    asyncpg.InterfaceError("cannot perform operation: connection is closed"),
    asyncpg.InterfaceError("pool is closing"),
    asyncpg.InternalClientError("got result for unknown protocol state 3"),
    asyncpg.exceptions.ProtocolError("unexpected message"),
    asyncpg.exceptions.OutdatedSchemaCacheError("unexpected number of attributes"),
    asyncpg.exceptions.TargetServerAttributeNotMatched("none of the hosts"),
    asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    ConnectionResetError(104, "Connection reset by peer"),
    BrokenPipeError(32, "Broken pipe"),
    OSError(113, "No route to host"),
    OSError(24, "Too many open files"),
    socket.gaierror(-2, "Name or service not known"),
    ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]"),
    ssl.SSLCertVerificationError(1, "certificate verify failed: certificate has expired"),
    TimeoutError(),
    EOFError(),
    MemoryError(),
    RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed"),
    AttributeError("'NoneType' object has no attribute 'write'"),
)
MIGRATED: Final = Migrated("1", before=1, version=1)
DOES_NOT_HELP: Final = {"22", "23", "54"}


def of_server(code: str) -> PostgresError:
    """The error that the driver raises for a code."""
    error: PostgresError = PostgresError.new({"C": code, "M": f"error {code}"})
    return error


def errors() -> Sequence[Exception]:
    return [*map(of_server, CODES), *CLIENT_ERRORS]


def one_of_each_class() -> Sequence[Exception]:
    """But for 3F000: at a start it says that the schema is still to be made."""
    first = {code[:2]: code for code in reversed(CODES) if code != "3F000"}
    return [*map(of_server, first.values()), *CLIENT_ERRORS]


class FailingPool:
    """A pool of connections in which each statement, or each connecting, fails."""

    def __init__(self, error: Exception, *, connects: bool, times: int = 1_000_000) -> None:
        self._error = error
        self._times = times
        self._connects = connects
        self.terminated = self.expired = 0

    @asynccontextmanager
    async def acquire(self, *, timeout: float) -> AsyncIterator[FailingPool]:
        assert timeout
        if not self._connects:
            raise self._error
        yield self

    async def fetch(self, *_: object) -> Sequence[str]:
        self._times -= 1
        if self._times < 0:
            return ["a row"]
        raise self._error

    def terminate(self) -> None:
        self.terminated += 1

    async def expire_connections(self) -> None:
        self.expired += 1


def failing(pool: FailingPool) -> LoggedDatabase:
    return LoggedDatabase(
        PostgresDatabase(
            pools=Pools(common=pool, lease=pool, aborts=pool),
            names=StatementNames(),
            address=read("postgresql://here/jobs", {}),
            schema="",
            migrated=MIGRATED,
        )
    )


@pytest.mark.parametrize("told_as", ["error", "cause"])
async def test_a_statement_that_came_as_its_session_had_ended_is_sent_again(told_as: str) -> None:
    """It never ran, so nobody needs to hear of it. Any other loss leaves that in doubt."""
    error: Exception = of_server("57P05")
    if told_as == "cause":
        error, cause = asyncpg.ConnectionDoesNotExistError("closed amid it"), error
        error.__cause__ = cause
    database = failing(FailingPool(error, connects=True, times=1))
    assert len(await database.fetch("waiting", 1)) == 1

    lost = asyncpg.ConnectionDoesNotExistError("closed amid it")
    with pytest.raises(StoreUnavailable):
        await failing(FailingPool(lost, connects=True, times=1)).fetch("waiting", 1)
    with pytest.raises(StoreUnavailable):
        await failing(FailingPool(error, connects=True, times=2)).fetch("waiting", 1)


@pytest.mark.parametrize("fails", ["statement", "connecting"])
async def test_no_error_of_postgresql_is_anything_but_an_outage_to_the_node(fails: str) -> None:
    """Whatever escaped as another error would end a loop of the node, and so the node."""
    for error in errors():
        database = failing(FailingPool(error, connects=fails != "connecting"))
        for name in statements(Dialect.POSTGRESQL):
            with capture_logs(), pytest.raises(StoreUnavailable) as caught:
                await database.fetch(name)
            assert "\n" not in str(caught.value)
            code = getattr(error, "sqlstate", None)
            refused = code is not None and code[:2] in DOES_NOT_HELP and code != "23505"
            assert isinstance(caught.value, StoreRefused) is refused, error


@pytest.mark.parametrize(
    ("codes", "new_connections"),
    [("57P01 25006 08006 XX000", True), ("22003 40001 42P01 53100 55P03", False)],
)
async def test_only_a_server_in_doubt_gets_new_connections(
    codes: str, *, new_connections: bool
) -> None:
    """A primary that became a standby keeps its connections, and refuses each write on them."""
    for code in codes.split():
        pool = FailingPool(of_server(code), connects=True)
        with capture_logs(), pytest.raises(StoreUnavailable):
            await failing(pool).fetch("nodes")
        assert bool(pool.terminated) is bool(pool.expired) is new_connections, code


async def test_a_refusal_is_logged_with_its_statement_and_not_each_time() -> None:
    """Whoever meets it tries again every few seconds, for as long as the node runs."""
    database = failing(FailingPool(of_server("23514"), connects=True))
    with capture_logs() as logged:
        for _ in range(3):
            with pytest.raises(StoreRefused, match=r"the statement renew was refused: error 23514"):
                await database.fetch("renew")
    assert [(line["event"], line["statement"]) for line in logged] == [
        ("the store refused a statement", "renew")
    ]


@pytest.fixture
def failing_start(monkeypatch: pytest.MonkeyPatch) -> FailingStart:
    return FailingStart(monkeypatch)


class FailingStart:
    """Lets the n-th statement of a start fail; BEGIN and COMMIT are statements, too."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self.error: Exception = RuntimeError()
        for method in ("execute", "fetch", "fetchrow", "fetchval"):
            plain = getattr(asyncpg.Connection, method)

            def counted(*arguments: Any, plain: Any = plain, **options: Any) -> Any:  # noqa: ANN401
                self.left -= 1
                if self.left == 0:
                    raise self.error
                return plain(*arguments, **options)

            monkeypatch.setattr(asyncpg.Connection, method, counted)


SQLITE_CODES: Final = sorted(
    code
    for name, code in vars(sqlite3).items()
    if name.startswith("SQLITE_") and isinstance(code, int) and 0 < code & 0xFF < 100
)
"""Result codes, with the extended ones."""


class FailingFile:
    """A connection to a file in which each statement fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def run(self, _calls: object) -> Any:  # noqa: ANN401 - never returns
        raise self._error

    async def execute_fetchall(self, *_: object) -> Any:  # noqa: ANN401 - never returns
        raise self._error


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError(f"error {code}")
    error.sqlite_errorcode = code
    return error


async def test_no_error_of_sqlite_is_anything_but_an_outage_to_the_node() -> None:
    """Disk full, corrupt, locked, read-only, failing I/O: all of them through the same door."""
    of_python = (sqlite3.ProgrammingError("closed"), ValueError("no active connection"))
    for error in (*map(sqlite_error, SQLITE_CODES), *of_python, OverflowError(), MemoryError()):
        connection: Any = FailingFile(error)
        database = SqliteDatabase(
            writer=connection, reader=connection, reader_ahead=connection, migrated=MIGRATED
        )
        async with background(writes=database.writes.serve()):
            for name in ("nodes", "renew"):
                with capture_logs(), pytest.raises(StoreUnavailable):
                    await LoggedDatabase(database).fetch(name)


@pytest.mark.parametrize("schema", ["ready", "missing"])
async def test_a_start_that_fails_at_any_statement_says_so_in_one_line(
    schema: str, postgres_url: str, failing_start: FailingStart
) -> None:
    """Exit status 2 and one line, at once or after the announced wait; never a traceback."""
    if schema == "ready":
        async with open_postgres(postgres_url, schema=schema):
            pass
    failing_start.left = 0
    async with open_postgres(postgres_url, schema="ready"):
        statements_of_a_start = -failing_start.left
    assert statements_of_a_start > 1
    for number, error in enumerate(one_of_each_class()):
        failing_start.left, failing_start.error = 1 + number % statements_of_a_start, error
        name = schema if schema == "ready" else f"{schema}{number}"  # the last statements leave it
        with pytest.raises((StartError, StoreUnavailable)) as refused:
            async with open_postgres(postgres_url, schema=name):
                pass
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("there", "back"),
    [
        ("ALTER TABLE jobs RENAME TO gone", "ALTER TABLE gone RENAME TO jobs"),
        ("ALTER TABLE jobs RENAME uid TO gone", "ALTER TABLE jobs RENAME gone TO uid"),
        *(
            (
                f"CREATE TRIGGER bad BEFORE INSERT ON jobs BEGIN SELECT RAISE({how}, 'no'); END",
                "DROP TRIGGER bad",
            )
            for how in ("ABORT", "FAIL", "ROLLBACK")
        ),
    ],
)
async def test_a_sqlite_file_that_others_spoil_is_refused_and_works_once_mended(
    there: str, back: str, tmp_path: Path
) -> None:
    """No transaction stays open, and the connection can be used afterwards."""
    other = sqlite3.connect(tmp_path / "scheduler.db", isolation_level=None)
    async with open_store("sqlite", data_dir=tmp_path) as store:
        claim = await running(store)
        other.execute(there)
        with capture_logs(), pytest.raises(StoreRefused):
            await store.insert([new()])
        await _insert_many(store, fails=True)
        other.execute(back)
        await _insert_many(store, fails=False)
        assert await store.settle([end(claim)])
    other.close()


async def test_a_corrupt_sqlite_file_is_an_outage(tmp_path: Path) -> None:
    """The operator restores it; until then, requests are refused and the node stays."""
    file = tmp_path / "scheduler.db"
    async with open_store("sqlite", data_dir=tmp_path) as store:
        await running(store)
        other = sqlite3.connect(file)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        size = file.stat().st_size
        with file.open("r+b") as damaged:
            damaged.write(b"\xff" * size)
        for call in (store.nodes, lambda: store.insert([new()])):
            with capture_logs(), pytest.raises(StoreUnavailable):
                await call()


async def _insert_many(store: Store, *, fails: bool) -> None:
    """Several calls at once, which share a transaction."""

    async def insert() -> bool:
        try:
            await store.insert([new()])
        except StoreRefused:
            return True
        return False

    with capture_logs():
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(insert()) for _ in range(9)]
    assert [call.result() for call in calls] == [fails] * 9
