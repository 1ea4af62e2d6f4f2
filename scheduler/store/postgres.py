"""PostgreSQL, for several nodes: pools of connections, which replace lost ones.

A lost connection fails the statement that was running on it and nothing else; the next statement
gets a new connection. Nothing here waits for ever, neither for a connection nor for an answer. The
lease and aborts have connections of their own: they never wait for one that others use.

Nor does a node that is frozen, or cut off, keep others waiting for its locks for ever. Its
transactions are open as long as its connections, and nobody closes these. Where the server waits
for the node

    between two statements                       the server ends the session: `IDLE_BOUND`
    within one, prepared or being answered       another node does: `end_stuck_sessions`
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

import asyncpg
import structlog

from scheduler.basics.background import background
from scheduler.core.errors import StartError
from scheduler.store.database import Argument, Database, Migrated, Row, Step, available
from scheduler.store.postgres_errors import (
    LOST_AGAINST_ANOTHER,
    bounded,
    came_too_late,
    doubtful,
    refused,
    settable,
    startable,
)
from scheduler.store.postgres_schema import IDLE_BOUND, prefix, prepared
from scheduler.store.postgres_statements import (
    NAME_MISSING_OR_TAKEN,
    StatementNames,
    connections,
)
from scheduler.store.postgres_url import Address, Connector, Remark, read
from scheduler.store.statements import ABORTS, LEASE, Dialect, statements

log = structlog.get_logger()

CONNECTIONS_MAX: Final = 8
"""Of one node: calls are grouped before they come here, so few run at once."""
LEASE_CONNECTIONS_MAX: Final = 1
"""For the lease alone: its calls come one after the other."""
ABORT_CONNECTIONS_MAX: Final = 2
"""For aborts alone: one that waits for a locked row leaves the other one free."""
CLOSE_S: Final = 5.0
"""Timeout for closing the connections."""
ANSWER_S: Final = 10.0
"""Timeout for the answer to a statement. The longest is a page of 8 MiB."""
SILENT_S: Final = 1.0
"""Whoever gave up after this long without an answer has met a server that may be gone."""
TRIES: Final = 3
"""Tries of a statement that other statements roll back; then the caller's backoff decides."""
LOCK_S: Final = 2
"""Timeout for the lock of a table. Whatever uses the table waits behind whoever waits for it, so
this is far shorter than a lease, and than the timeout for an answer."""
_BEGIN: Final = f"BEGIN; {IDLE_BOUND}"
STUCK_LOOK_S: Final = 5.0
"""How often a node looks for sessions whose node has stopped; a look takes 0.2 ms."""
_END_STUCK: Final = """
SELECT pid, pg_terminate_backend(pid)
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND usename = session_user
   AND application_name = current_setting('application_name')
   AND state = 'active'
   AND wait_event_type = 'Client'
   AND state_change < clock_timestamp() - make_interval(secs => $1)
"""
"""Sessions that have waited for their node for so long in the middle of a statement. A node that
lives has given up on them: it waits for no answer longer than this."""
_LOCK: Final = f"SET LOCAL lock_timeout = '{LOCK_S}s'; LOCK TABLE {{}} IN EXCLUSIVE MODE"
"""Waits for all transactions that have locked a row of the table, or looked for one to lock; those
that come wait for us, and look after that."""


class Pools(NamedTuple):
    """The pools of a node."""

    common: asyncpg.Pool
    lease: asyncpg.Pool
    aborts: asyncpg.Pool

    def of(self, name: str) -> asyncpg.Pool:
        """The pool that a statement gets its connection from."""
        if name in LEASE:
            return self.lease
        return self.aborts if name in ABORTS else self.common


class Call(NamedTuple):
    """A statement to run."""

    text: str
    arguments: Sequence[Argument]
    optional: bool = False


class ServerConnection(NamedTuple):
    """A connection to a database, and where it leads."""

    connection: asyncpg.Connection
    where: str
    """The URL without its password."""
    schema: str
    """The one that is named for the tables; empty for the first of the search path."""
    remarks: Sequence[Remark]
    """What of the URL is not taken as it is."""


class PostgresDatabase:
    """A database on a server. Made by `open_postgres`."""

    def __init__(
        self,
        *,
        pools: Pools,
        names: StatementNames,
        address: Address,
        schema: str,
        migrated: Migrated,
    ) -> None:
        self.migrated = migrated
        self.identity = migrated.identity
        self._pools = pools
        self._names = names
        self._where = f"PostgreSQL at {address.where}"
        self._connect_s = address.connect_s
        self._schema = schema
        self._statements = statements(Dialect.POSTGRESQL, schema=schema)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. If cancelled, the statement has run, runs to its end, or never will."""
        (rows,) = await self.fetch_chain([Step(name, arguments)])
        return rows

    async def fetch_chain(
        self, steps: Sequence[Step], *, locked: str | None = None
    ) -> Sequence[Sequence[Row]]:
        """See `Database`. If cancelled, they have run, run to their end, or never will."""
        pool = self._pools.of(steps[0].name)
        calls = [Call(self._statements[step.name].text, *step[1:]) for step in steps]
        lock = "" if locked is None else _LOCK.format(f"{prefix(self._schema)}{locked}")
        with available(self._where, refused), bounded(locked):
            for _ in range(TRIES - 1):
                with suppress(*LOST_AGAINST_ANOTHER):
                    return await self._run(pool, calls, lock)
            return await self._run(pool, calls, lock)

    async def end_stuck_sessions(self, answer_s: float) -> None:
        """End sessions whose node is frozen or cut off, again and again; a background task.

        What fails is tried again: nothing here depends on it.
        """
        call = Call(_END_STUCK, (answer_s,))
        while True:
            await asyncio.sleep(STUCK_LOOK_S)
            with suppress(Exception):
                (ended,) = await self._run(self._pools.common, [call], "")
                if ended:
                    log.warning("sessions whose node has stopped were ended", sessions=len(ended))

    async def _run(
        self, pool: asyncpg.Pool, calls: Sequence[Call], lock: str
    ) -> Sequence[Sequence[Row]]:
        try:
            return await self._run_once(pool, calls, lock)
        except NAME_MISSING_OR_TAKEN:
            self._names.shared()
        except Exception as error:
            if not came_too_late(error):
                raise
        return await self._run_once(pool, calls, lock)

    async def _run_once(
        self, pool: asyncpg.Pool, calls: Sequence[Call], lock: str
    ) -> Sequence[Sequence[Row]]:
        async with pool.acquire(timeout=self._connect_s) as connection:
            since = asyncio.get_running_loop().time()
            try:
                if len(calls) == 1 and not lock:  # a transaction by itself
                    return [await connection.fetch(call.text, *call.arguments) for call in calls]
                return await _transaction(connection, calls, lock)
            except asyncio.CancelledError:
                # The pool would wait for the statement's end, which may never come.
                _terminate(connection)
                if asyncio.get_running_loop().time() - since > SILENT_S:
                    await pool.expire_connections()
                raise
            except Exception as error:
                if doubtful(error):
                    # asyncpg may have read half a message, no answer may ever come, or the server
                    # is not the primary any more: the next statements need new connections.
                    _terminate(connection)
                    await pool.expire_connections()
                raise


async def _transaction(
    connection: asyncpg.Connection, calls: Sequence[Call], lock: str
) -> Sequence[Sequence[Row]]:
    """Run statements up to the first needed one without rows; all of them or none takes effect."""
    answers: list[Sequence[Row]] = []
    try:
        await connection.execute(_BEGIN)
        if lock:
            await connection.execute(lock)
        for call in calls:
            answers.append(await connection.fetch(call.text, *call.arguments))
            if not (answers[-1] or call.optional):
                break
        await connection.execute("COMMIT")
    except Exception as error:
        if not doubtful(error):  # the server still listens on this connection
            await connection.execute("ROLLBACK")
        raise
    return answers


def _terminate(connection: asyncpg.Connection) -> None:
    """Close a connection at once; without effect where its loss has taken it out of the pool."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


@asynccontextmanager
async def connected(url: str, *, schema: str) -> AsyncIterator[ServerConnection]:
    """One connection, for a look at the database that a URL names; nothing in it is changed.

    Raises:
        StartError, StoreUnavailable: as `open_postgres`.
    """
    address = read(url, os.environ)
    where, schema = address.where, _agreed(schema, address)
    async with _pool(Connector(address), ANSWER_S, StatementNames(), size=1) as pool:
        with available(f"PostgreSQL at {where}", refused), startable(where):
            async with pool.acquire(timeout=address.connect_s) as connection:
                await _require_search_path(connection, address)
                yield ServerConnection(connection, where, schema, address.remarks)


@asynccontextmanager
async def open_postgres(
    url: str, *, schema: str = "", answer_s: float = ANSWER_S
) -> AsyncIterator[Database]:
    """Open the database that a URL names, with its tables in a schema or in the search path.

    Raises:
        StartError: the URL, the user, the password, the name of the database or a right is wrong.
        StoreUnavailable: the server does not answer.
    """
    address = read(url, os.environ)
    where, schema = address.where, _agreed(schema, address)
    names, connector = StatementNames(), Connector(address)
    async with (
        _pool(connector, answer_s, names, size=CONNECTIONS_MAX) as common,
        _pool(connector, answer_s, names, size=LEASE_CONNECTIONS_MAX) as lease,
        _pool(connector, answer_s, names, size=ABORT_CONNECTIONS_MAX) as aborts,
    ):
        with available(f"PostgreSQL at {where}", refused), startable(where):
            async with common.acquire(timeout=address.connect_s) as connection:
                await _require_search_path(connection, address)
                migrated = await prepared(connection, schema=schema, where=where)
        for parameter, value, why in address.remarks:
            log.warning(f"[store] url: {parameter} is not taken as it is", value=value, why=why)
        names.used = True
        database = PostgresDatabase(
            pools=Pools(common=common, lease=lease, aborts=aborts),
            names=names,
            address=address,
            schema=schema,
            migrated=migrated,
        )
        async with background(end_stuck_sessions=database.end_stuck_sessions(answer_s)):
            yield database


def _agreed(schema: str, address: Address) -> str:
    """The schema that the configuration or the URL names.

    Raises:
        StartError: they name two.
    """
    if schema and address.schema and schema != address.schema:
        raise StartError(
            f"[store] schema = {schema!r}: [store] url has schema = {address.schema!r}:"
            " leave one of them out"
        )
    return schema or address.schema


@asynccontextmanager
async def _pool(
    connector: Connector, answer_s: float, names: StatementNames, *, size: int
) -> AsyncIterator[asyncpg.Pool]:
    address = connector.address
    where = address.where
    with (
        available(f"PostgreSQL at {where}", refused),
        startable(where),
        settable(where, address.hint),
    ):
        pool = await asyncpg.create_pool(
            connect=connector.connect,
            min_size=1,
            max_size=size,
            command_timeout=answer_s,
            reset=_no_reset,
            connection_class=connections(names),
        )
    try:
        yield pool
    finally:
        # Closes the connections properly where the server answers in time, and else drops them.
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await pool.close()


async def _no_reset(_connection: object) -> None:
    """Do not reset a connection: a single statement leaves no session state behind.

    The default makes the server reset it after each use, which doubles the time of a statement.
    """


async def _require_search_path(connection: asyncpg.Connection, address: Address) -> None:
    """Check that the search path that the URL names is in use: a pooler may ignore it in silence.

    Raises:
        StartError: it is not; the tables would be made in another schema.
    """
    wanted = address.arguments["server_settings"].get("search_path", "")
    found = await connection.fetchval("SELECT current_setting('search_path')")
    if wanted and _names(found) != _names(wanted):
        raise StartError(
            f"[store] url = {address.where!r}: the search_path on the server is {found!r}: a pooler"
            " ignores the one in the URL; name the schema in [store] schema instead"
        )


def _names(search_path: str) -> list[str]:
    return [name.strip(' "') for name in search_path.split(",")]
