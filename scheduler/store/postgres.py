"""PostgreSQL, for several nodes: a pool of connections that replaces lost ones.

A lost connection fails the statement that was running on it and nothing else; the next statement
gets a new connection. Nothing here waits for ever, neither for a connection nor for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError
from scheduler.store.database import Argument, Database, Row, available
from scheduler.store.postgres_errors import (
    LOST_AGAINST_ANOTHER,
    doubtful,
    refused,
    startable,
)
from scheduler.store.postgres_hosts import CONNECT_S, Hosts
from scheduler.store.postgres_statements import (
    NAME_MISSING_OR_TAKEN,
    StatementNames,
    connections,
)
from scheduler.store.schema import migrate
from scheduler.store.statements import Dialect, statements

CONNECTIONS_MAX: Final = 8
"""Of one node: calls are grouped before they come here, so few run at once."""
ANSWER_S: Final = 10.0
"""Timeout for the answer to a statement. The longest is a page of 8 MiB."""
SILENT_S: Final = 1.0
"""Whoever gave up after this long without an answer has met a server that may be gone."""
MIGRATE_S: Final = 300.0
"""Timeout for a migration of a large table, on this node or on another that runs it already."""
TRIES: Final = 3
"""Tries of a statement that other statements roll back; then the caller's backoff decides."""
MIGRATION_LOCK: Final = 0x41746C616E
"""A number that no other program uses for an advisory lock on this database."""


class PostgresDatabase:
    """A database on a server. Made by `open_postgres`."""

    def __init__(
        self, *, pool: asyncpg.Pool, names: StatementNames, where: str, identity: str
    ) -> None:
        self.identity = identity
        self._pool = pool
        self._names = names
        self._where = f"PostgreSQL at {where}"
        self._statements = statements(Dialect.POSTGRESQL)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. If cancelled, the statement has run, runs to its end, or never will."""
        text, _ = self._statements[name]
        with available(self._where, refused):
            for _ in range(TRIES - 1):
                with suppress(*LOST_AGAINST_ANOTHER):
                    return await self._run(text, arguments)
            return await self._run(text, arguments)

    async def _run(self, text: str, arguments: Sequence[Argument]) -> Sequence[Row]:
        try:
            return await self._run_once(text, arguments)
        except NAME_MISSING_OR_TAKEN:
            self._names.shared()
            return await self._run_once(text, arguments)

    async def _run_once(self, text: str, arguments: Sequence[Argument]) -> Sequence[Row]:
        async with self._pool.acquire(timeout=CONNECT_S) as connection:
            since = asyncio.get_running_loop().time()
            try:
                rows: Sequence[Row] = await connection.fetch(text, *arguments)
            except asyncio.CancelledError:
                # The pool would wait for the statement's end, which may never come.
                _terminate(connection)
                if asyncio.get_running_loop().time() - since > SILENT_S:
                    await self._pool.expire_connections()
                raise
            except Exception as error:
                if doubtful(error):
                    # asyncpg may have read half a message, no answer may ever come, or the server
                    # is not the primary any more: the next statements need new connections.
                    _terminate(connection)
                    await self._pool.expire_connections()
                raise
            return rows


def _terminate(connection: asyncpg.Connection) -> None:
    """Close a connection at once; without effect where its loss has taken it out of the pool."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


@asynccontextmanager
async def open_postgres(url: str, *, answer_s: float = ANSWER_S) -> AsyncIterator[Database]:
    """Open the database that a URL names.

    Raises:
        StartError: the URL, the user, the password or the name of the database is wrong.
        StoreUnavailable: the server does not answer.
    """
    where = redacted(url)
    names = StatementNames()
    async with _pool(url, where, answer_s, names) as pool:
        with available(f"PostgreSQL at {where}", refused), startable(where):
            await _require_schema(pool, url)
            identity = await _migrated(pool, where)
        names.used = True
        yield PostgresDatabase(pool=pool, names=names, where=where, identity=identity)


@asynccontextmanager
async def _pool(
    url: str, where: str, answer_s: float, names: StatementNames
) -> AsyncIterator[asyncpg.Pool]:
    with available(f"PostgreSQL at {where}", refused), startable(where):
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_S,
            command_timeout=answer_s,
            reset=_no_reset,
            connect=Hosts(url).connect,
            connection_class=connections(names),
            server_settings={"application_name": "AtlanScheduler"},
        )
    try:
        yield pool
    finally:
        # Closes the connections properly where the server answers in time, and else drops them.
        with suppress(Exception):
            async with asyncio.timeout(CONNECT_S):
                await pool.close()


async def _no_reset(_connection: object) -> None:
    """Do not reset a connection: a single statement leaves no session state behind.

    The default makes the server reset it after each use, which doubles the time of a statement.
    """


async def _require_schema(pool: asyncpg.Pool, url: str) -> None:
    """Check that the schema that the URL names is in use: a pooler may ignore it in silence.

    Raises:
        StartError: it is not; the tables would be made in another schema.
    """
    (wanted,) = parse_qs(urlsplit(url).query).get("search_path", [""])
    async with pool.acquire(timeout=CONNECT_S) as connection:
        found = await connection.fetchval("SELECT current_setting('search_path')")
    if wanted and _names(found) != _names(wanted):
        raise StartError(
            f"[store] url = {redacted(url)!r}: the search_path on the server is {found!r}: a pooler"
            f" ignores the one in the URL; set it for the user, with ALTER ROLE … SET search_path"
        )


def _names(search_path: str) -> list[str]:
    return [name.strip(' "') for name in search_path.split(",")]


async def _migrated(pool: asyncpg.Pool, where: str) -> str:
    """Run the migrations, one node at a time: nodes that start together wait for the first."""

    async def run(script: str) -> None:
        await connection.execute(script, timeout=MIGRATE_S)

    async def fetch(query: str) -> Sequence[Any]:
        rows: Sequence[Any] = await connection.fetch(query)
        return rows

    async with pool.acquire(timeout=CONNECT_S) as connection, connection.transaction():
        await run(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        return await migrate(Dialect.POSTGRESQL, where=where, run=run, fetch=fetch)
