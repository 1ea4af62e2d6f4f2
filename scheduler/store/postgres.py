"""PostgreSQL, for several nodes: a pool of connections that replaces lost ones.

A lost connection fails the statement that was running on it and nothing else; the next statement
gets a new connection. Nothing here waits for ever, neither for a connection nor for an answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import asyncpg
import structlog

from scheduler.core.errors import StartError
from scheduler.store.database import Argument, Database, Migrated, Row, available
from scheduler.store.postgres_errors import (
    LOST_AGAINST_ANOTHER,
    doubtful,
    refused,
    settable,
    startable,
)
from scheduler.store.postgres_schema import prepared
from scheduler.store.postgres_statements import (
    NAME_MISSING_OR_TAKEN,
    StatementNames,
    connections,
)
from scheduler.store.postgres_url import Address, connect, read
from scheduler.store.statements import Dialect, statements

log = structlog.get_logger()

CONNECTIONS_MAX: Final = 8
"""Of one node: calls are grouped before they come here, so few run at once."""
CLOSE_S: Final = 5.0
"""Timeout for closing the connections."""
ANSWER_S: Final = 10.0
"""Timeout for the answer to a statement. The longest is a page of 8 MiB."""
TRIES: Final = 3
"""Tries of a statement that other statements roll back; then the caller's backoff decides."""


class PostgresDatabase:
    """A database on a server. Made by `open_postgres`."""

    def __init__(
        self,
        *,
        pool: asyncpg.Pool,
        names: StatementNames,
        address: Address,
        schema: str,
        migrated: Migrated,
    ) -> None:
        self.migrated = migrated
        self.identity = migrated.identity
        self._pool = pool
        self._names = names
        self._where = f"PostgreSQL at {address.where}"
        self._connect_s = address.connect_s
        self._statements = statements(Dialect.POSTGRESQL, schema=schema)

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
        async with self._pool.acquire(timeout=self._connect_s) as connection:
            try:
                rows: Sequence[Row] = await connection.fetch(text, *arguments)
            except asyncio.CancelledError:
                # The pool would wait for the statement's end, which may never come.
                connection.terminate()
                raise
            except Exception as error:
                if doubtful(error):
                    # asyncpg may have read half a message, no answer may ever come, or the server
                    # is not the primary any more: the next statements need new connections.
                    connection.terminate()
                    await self._pool.expire_connections()
                raise
            return rows


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
    names = StatementNames()
    async with _pool(address, answer_s, names) as pool:
        with available(f"PostgreSQL at {where}", refused), startable(where):
            async with pool.acquire(timeout=address.connect_s) as connection:
                migrated = await prepared(connection, schema=schema, where=where)
        for parameter, value, why in address.remarks:
            log.warning(f"[store] url: {parameter} is not taken as it is", value=value, why=why)
        names.used = True
        yield PostgresDatabase(
            pool=pool, names=names, address=address, schema=schema, migrated=migrated
        )


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
    address: Address, answer_s: float, names: StatementNames
) -> AsyncIterator[asyncpg.Pool]:
    where = address.where
    with (
        available(f"PostgreSQL at {where}", refused),
        startable(where),
        settable(where, address.hint),
    ):
        pool = await asyncpg.create_pool(
            connect=partial(connect, address),
            min_size=1,
            max_size=CONNECTIONS_MAX,
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
