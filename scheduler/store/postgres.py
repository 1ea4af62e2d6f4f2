"""PostgreSQL, for several nodes: pools of connections, which replace lost ones.

A lost connection fails the statement that was running on it and nothing else; the next statement
gets a new connection. Nothing here waits for ever, neither for a connection nor for an answer. The
lease and aborts have connections of their own: they never wait for one that others use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

import asyncpg

from scheduler.basics.urls import redacted
from scheduler.store.database import Argument, Database, Row
from scheduler.store.postgres_errors import LOST_AGAINST_ANOTHER, available, startable
from scheduler.store.schema import migrate
from scheduler.store.statements import ABORTS, LEASE, Dialect, statements

CONNECTIONS_MAX: Final = 8
"""Of one node: calls are grouped before they come here, so few run at once."""
LEASE_CONNECTIONS_MAX: Final = 1
"""For the lease alone: its calls come one after the other."""
ABORT_CONNECTIONS_MAX: Final = 2
"""For aborts alone: one that waits for a locked row leaves the other one free."""
CONNECT_S: Final = 5.0
"""Timeout for a connection, a new one or one that others use."""
ANSWER_S: Final = 10.0
"""Timeout for the answer to a statement. The longest is a page of 8 MiB."""
MIGRATE_S: Final = 300.0
"""Timeout for a migration of a large table, on this node or on another that runs it already."""
TRIES: Final = 3
"""Tries of a statement that other statements roll back; then the caller's backoff decides."""
MIGRATION_LOCK: Final = 0x41746C616E
"""A number that no other program uses for an advisory lock on this database."""


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


class PostgresDatabase:
    """A database on a server. Made by `open_postgres`."""

    def __init__(self, *, pools: Pools, where: str, identity: str) -> None:
        self.identity = identity
        self._pools = pools
        self._where = where
        self._statements = statements(Dialect.POSTGRESQL)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. If cancelled, the statement has run, runs to its end, or never will."""
        text, _ = self._statements[name]
        with available(self._where):
            for _ in range(TRIES - 1):
                with suppress(*LOST_AGAINST_ANOTHER):
                    return await self._run(self._pools.of(name), text, arguments)
            return await self._run(self._pools.of(name), text, arguments)

    async def _run(
        self, pool: asyncpg.Pool, text: str, arguments: Sequence[Argument]
    ) -> Sequence[Row]:
        async with pool.acquire(timeout=CONNECT_S) as connection:
            try:
                rows: Sequence[Row] = await connection.fetch(text, *arguments)
            except (asyncpg.InternalClientError, TimeoutError, asyncio.CancelledError):
                # Where the server closed the idle connection, asyncpg has read half of its last
                # message: back in the pool, it would fail the next statement, too. And where no
                # answer came, the pool would wait for the statement's end, which may never come.
                connection.terminate()
                raise
            return rows


@asynccontextmanager
async def open_postgres(url: str, *, answer_s: float = ANSWER_S) -> AsyncIterator[Database]:
    """Open the database that a URL names.

    Raises:
        StartError: the URL, the user, the password or the name of the database is wrong.
        StoreUnavailable: the server does not answer.
    """
    where = redacted(url)
    async with (
        _pool(url, where, answer_s) as pool,
        _pool(url, where, answer_s, size=LEASE_CONNECTIONS_MAX) as lease,
        _pool(url, where, answer_s, size=ABORT_CONNECTIONS_MAX) as aborts,
    ):
        with available(where), startable(where):
            identity = await _migrated(pool, where)
        pools = Pools(common=pool, lease=lease, aborts=aborts)
        yield PostgresDatabase(pools=pools, where=where, identity=identity)


@asynccontextmanager
async def _pool(
    url: str, where: str, answer_s: float, *, size: int = CONNECTIONS_MAX
) -> AsyncIterator[asyncpg.Pool]:
    with available(where), startable(where):
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=CONNECT_S,
            command_timeout=answer_s,
            reset=_no_reset,
            server_settings={"application_name": "AtlanScheduler"},
        )
    try:
        yield pool
    finally:
        # Closes the connections properly where the server answers in time, and else drops them.
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await pool.close()


async def _no_reset(_connection: object) -> None:
    """Do not reset a connection: a single statement leaves no session state behind.

    The default makes the server reset it after each use, which doubles the time of a statement.
    """


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
