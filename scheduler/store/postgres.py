"""PostgreSQL, for several nodes: a pool of connections that mends itself.

A lost connection fails the statement that was on its way and nothing else; the next statement
gets a new connection. Nothing here waits for ever: neither for a connection nor for an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from scheduler.basics.urls import redacted
from scheduler.store.database import Argument, Database, Row
from scheduler.store.postgres_errors import LOST_AGAINST_ANOTHER, available, startable
from scheduler.store.schema import migrate
from scheduler.store.statements import Dialect, statements

CONNECTIONS_MAX: Final = 8
"""Of one node: calls are grouped before they come here, so few are on their way at once."""
CONNECT_S: Final = 5.0
"""Waiting for a connection, a new one or one that others use."""
ANSWER_S: Final = 10.0
"""Waiting for the answer to a statement. The longest is a page of 8 MiB."""
MIGRATE_S: Final = 300.0
"""Waiting for a migration of a large table, here or on the node that is at it already."""
TRIES: Final = 3
"""Losing three times in a row against other statements is left to the caller's backoff."""
MIGRATION_LOCK: Final = 0x41746C616E
"""Any number that no other program uses for an advisory lock on this database."""


class PostgresDatabase:
    """A database on a server. Made by `open_postgres`."""

    def __init__(self, *, pool: asyncpg.Pool, place: str, identity: str) -> None:
        self.identity = identity
        self._pool = pool
        self._place = place
        self._statements = statements(Dialect.POSTGRESQL)

    async def fetch(self, name: str, *arguments: Argument) -> Sequence[Row]:
        """See `Database`. When cancelled, the statement has run, runs to its end, or never will."""
        text, _ = self._statements[name]
        with available(self._place):
            for _ in range(TRIES - 1):
                with suppress(*LOST_AGAINST_ANOTHER):
                    return await self._run(text, arguments)
            return await self._run(text, arguments)

    async def _run(self, text: str, arguments: Sequence[Argument]) -> Sequence[Row]:
        async with self._pool.acquire(timeout=CONNECT_S) as connection:
            try:
                rows: Sequence[Row] = await connection.fetch(text, *arguments)
            except (asyncpg.InternalClientError, TimeoutError, asyncio.CancelledError):
                # Cut by the server while it was idle, asyncpg has read half of the farewell: back
                # in the pool it would fail the next statement too. And where no answer came, the
                # pool would wait for the end of the statement, that may never come either.
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
    place = redacted(url)
    async with _pool(url, place, answer_s) as pool:
        with available(place), startable(place):
            identity = await _migrated(pool, place)
        yield PostgresDatabase(pool=pool, place=place, identity=identity)


@asynccontextmanager
async def _pool(url: str, place: str, answer_s: float) -> AsyncIterator[asyncpg.Pool]:
    with available(place), startable(place):
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_S,
            command_timeout=answer_s,
            reset=_as_it_is,
            server_settings={"application_name": "AtlanScheduler"},
        )
    try:
        yield pool
    finally:
        # In time, the pool says goodbye; else it hangs up.
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await pool.close()


async def _as_it_is(_connection: object) -> None:
    """Leave a connection as it is: a lone statement has changed nothing that others would find.

    The default asks the server to reset it after each use, which doubles what a statement takes.
    """


async def _migrated(pool: asyncpg.Pool, place: str) -> str:
    """Run the migrations, one node at a time: those that start together wait for the first."""

    async def run(script: str) -> None:
        await connection.execute(script, timeout=MIGRATE_S)

    async def fetch(query: str) -> Sequence[Any]:
        rows: Sequence[Any] = await connection.fetch(query)
        return rows

    async with pool.acquire(timeout=CONNECT_S) as connection, connection.transaction():
        await run(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        return await migrate(Dialect.POSTGRESQL, place=place, run=run, fetch=fetch)
