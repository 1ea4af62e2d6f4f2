"""A PgBouncer in front of the tests' PostgreSQL: it shares few connections among many clients.

    start_pgbouncer   starts one for a test, in the pool mode and with the settings that it names

It runs as another user where the tests run as root, like PostgreSQL, and leaves nothing behind. The
schema of a test is set by PgBouncer itself, which passes on no `search_path` of a client.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.support.programs import program
from tests.support.servers.ports import free_port
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy

START_S = 10.0
USER = "nobody"
DATABASE = "scheduler"


class PgBouncer:
    """One PgBouncer, on a port that it keeps when it restarts."""

    def __init__(
        self,
        folder: Path,
        behind: PostgresServer | Proxy,
        *,
        schema: str = "public",
        **settings: object,
    ) -> None:
        self.port = free_port()
        self._folder = folder
        self._behind = behind
        self._schema = schema
        self._process: subprocess.Popen[bytes] | None = None
        self.write(**settings)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def write(self, **settings: object) -> None:
        """Write its configuration, which it reads when it starts or reloads."""
        known = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": self._folder / "users",
            "admin_users": "postgres",
            "default_pool_size": 5,
            **settings,
        }
        lines = "\n".join(f"{name} = {value}" for name, value in known.items())
        place = f"host=127.0.0.1 port={self._behind.port} dbname=postgres"
        first = f"connect_query='SET search_path TO {self._schema}'"
        (self._folder / "users").write_text('"postgres" ""\n')
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n{DATABASE} = {place} {first}\n[pgbouncer]\n{lines}\n"
        )

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program("pgbouncer"), str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=USER if os.geteuid() == 0 else None,
            )
        with closing(socket.socket()) as probe:
            while probe.connect_ex(("127.0.0.1", self.port)):
                assert self._process.poll() is None, self.log
                time.sleep(0.005)

    def stop(self) -> None:
        """End it at once, amid whatever its clients do."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)

    async def command(self, words: str) -> Any:  # noqa: ANN401 - depends on the command
        """Run a command of its console, such as PAUSE."""
        console = await asyncpg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/pgbouncer", timeout=START_S
        )
        try:
            return await console.execute(words)
        finally:
            await console.close(timeout=START_S)


class PgBouncers:
    """Starts PgBouncers, and ends them."""

    def __init__(self, behind: PostgresServer | Proxy) -> None:
        self._behind = behind
        self._started: list[tuple[PgBouncer, Path]] = []

    def __call__(self, url: str, **settings: object) -> PgBouncer:
        """Start one for the schema of this URL: `pool_mode="transaction"` sets the mode."""
        folder = Path(tempfile.mkdtemp(prefix="scheduler-pgbouncer-"))
        folder.chmod(0o755)
        bouncer = PgBouncer(folder, self._behind, schema=url.rpartition("=")[2], **settings)
        self._started.append((bouncer, folder))
        bouncer.start()
        return bouncer

    def close(self) -> None:
        for bouncer, folder in self._started:
            bouncer.stop()
            shutil.rmtree(folder)


@pytest.fixture
def start_pgbouncer(postgres_server: PostgresServer) -> Iterator[PgBouncers]:
    bouncers = PgBouncers(postgres_server)
    yield bouncers
    bouncers.close()
