"""A database for one test, in which nobody but its owner has any rights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import asyncpg

from tests.support.servers.postgres import PostgresServer

PASSWORD = "p@ss:w/r?d#%[ä]"  # noqa: S105
LOGINS = "host all +logins 127.0.0.1/32 scram-sha-256\n"
"""What makes the server ask these roles for their password; the others are trusted."""


class Place:
    """The database, with its owner and the roles that a test makes."""

    def __init__(self, server: PostgresServer, mark: str) -> None:
        self.server = server
        self.database = f"place_{mark}"
        self.owner = f"owner_{mark}"
        self.role = f"node_{mark}"

    def url(self, role: str, *, password: str = PASSWORD, port: int = 0, **more: object) -> str:
        login = f"{role}:{quote(password, safe='')}"
        where = f"127.0.0.1:{port or self.server.port}/{self.database}"
        return f"postgresql://{login}@{where}?{urlencode(more, quote_via=quote)}"

    async def execute(self, sql: str, *, role: str = "postgres") -> None:
        async with self.connection(role=role) as connection:
            await connection.execute(sql)

    @asynccontextmanager
    async def connection(self, *, role: str = "postgres") -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.url(role))
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def opened_place(server: PostgresServer) -> AsyncIterator[Place]:
    """The database for a block; it and its roles are dropped at the end."""
    place = Place(server, uuid4().hex[:8])
    async with server.connection() as connection:
        await _ask_for_passwords(connection)
        for role in (place.owner, place.role):
            await connection.execute(
                f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}' IN ROLE logins"
            )
        await connection.execute(f"CREATE DATABASE {place.database} OWNER {place.owner}")
        await connection.execute(f"REVOKE ALL ON DATABASE {place.database} FROM PUBLIC")
        try:
            yield place
        finally:
            await connection.execute(f"DROP DATABASE {place.database} WITH (FORCE)")
            await connection.execute(f"DROP ROLE {place.owner}; DROP ROLE {place.role}")


async def _ask_for_passwords(connection: Any) -> None:  # noqa: ANN401 - asyncpg is untyped
    if await connection.fetchval("SELECT to_regrole('logins')"):
        return
    await connection.execute("CREATE ROLE logins")
    file = Path(await connection.fetchval("SHOW hba_file"))
    file.write_text(LOGINS + file.read_text())
    await connection.execute("SELECT pg_reload_conf()")
