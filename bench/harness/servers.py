"""Redis and PostgreSQL for a benchmark: the same programs as in the tests, with durable writes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from scheduler.queue.embedded.program import find_program
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer

SETTINGS: Final = "-c log_min_messages=warning"
"""PostgreSQL's defaults: unlike in the tests, a commit waits for the disk."""


@asynccontextmanager
async def open_redis(folder: Path) -> AsyncIterator[str]:
    """The URL of a Redis-compatible server of our own."""
    async with open_redis_server(folder) as server:
        yield server.url


@asynccontextmanager
async def open_redis_server(folder: Path) -> AsyncIterator[RedisServer]:
    """A Redis-compatible server of our own, for callers that need its process."""
    server = RedisServer(await find_program(), folder)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def open_postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of our own."""
    with open_postgres_server() as server:
        yield server.url()


@contextmanager
def open_postgres_server(settings: str = SETTINGS) -> Iterator[DurablePostgres]:
    """A PostgreSQL of our own, for callers that need its log, or several schemas."""
    # Not in the run's folder: other users cannot enter it, and the server runs as another user.
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    folder.chmod(0o755)
    try:
        server = DurablePostgres(folder, settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


class DurablePostgres(PostgresServer):
    """The server of the tests, without their settings."""

    def __init__(self, folder: Path, settings: str) -> None:
        super().__init__(folder)
        self._settings = settings
        self.log = self._data / "log"

    @property
    def pid(self) -> int:
        """Its first process, the parent of all others."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    async def add_schema(self, name: str) -> str:
        """Create a schema; the URL that makes it a database of its own."""
        async with self.connection() as connection:
            await connection.execute(f"CREATE SCHEMA {name}")
        return self.url(schema=name)

    async def add_database(self, name: str) -> str:
        """Create a database; its URL, without options that only some drivers know."""
        async with self.connection() as connection:
            await connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start it."""
        listen = f"-h 127.0.0.1 -p {self.port} -k {self._data}"
        self._control("-l", str(self.log), "-o", f"{listen} {self._settings}", "start")
