"""Two PostgreSQL servers: a primary, and a standby that confirms each commit.

What the primary has answered, the standby has: nothing of it is lost when the primary dies. The
proxies in front of both let a test take a machine off the network.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tests.support.servers.ports import free_port
from tests.support.servers.postgres import START_S, PostgresServer
from tests.support.servers.proxy import Proxy, in_front_of


class Standby(PostgresServer):
    """A copy of another server that follows it, until it is promoted."""

    def __init__(self, folder: Path, primary: PostgresServer) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._program = primary._program
        self.port = free_port()
        self.copy(primary)

    def copy(self, primary: PostgresServer) -> None:
        """Copy the files of another server, anew."""
        shutil.rmtree(self._data, ignore_errors=True)
        if self._program.system_user is not None:
            shutil.chown(self._folder, self._program.system_user)
        words = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-c", "fast", "-R"]
        with (self._folder / "pg_basebackup.log").open("ab") as log:
            subprocess.run(
                [self._program.bin_path / "pg_basebackup", *words, "-D", self._data],
                check=True,
                stdout=log,
                stderr=log,
                timeout=START_S,
                user=self._program.system_user,
                cwd=self._folder,
            )
        for lock in self._data.glob(".s.PGSQL.*"):  # of the other server's socket
            lock.unlink()

    def promote(self) -> None:
        """Make it the primary; it takes writes when this returns."""
        self._control("promote")


class PostgresPair:
    """A primary and a standby behind proxies. Made by `running_pair`."""

    def __init__(
        self, primary: PostgresServer, standby: Standby, links: tuple[Proxy, Proxy]
    ) -> None:
        self.primary = primary
        self.standby = standby
        self.links = links

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{link.port}" for link in self.links)
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    def kill_primary(self) -> None:
        """SIGKILL; its processes end by themselves, without another answer."""
        pid = int((self.primary._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

    def stop_primary(self) -> None:
        """Stop it in order: first it sends all that it has to the standby."""
        self.primary._control("-m", "fast", "stop")

    def follow(self) -> None:
        """Start the old primary again, as the standby of the new one."""
        old = self.primary
        copy = Standby.__new__(Standby)
        copy._folder, copy._data, copy.port = old._folder, old._data, old.port
        copy._program = old._program
        copy.copy(self.standby)
        old.start()


@contextmanager
def running_pair() -> Iterator[PostgresPair]:
    """Both servers for the block."""
    with ExitStack() as stack:
        folders = [Path(tempfile.mkdtemp(prefix="scheduler-postgres-")) for _ in range(2)]
        for folder in folders:
            folder.chmod(0o755)
            stack.callback(shutil.rmtree, folder)
        primary = PostgresServer(folders[0])
        primary.start()
        stack.callback(_stop, primary)
        standby = Standby(folders[1], primary)
        standby.start()
        stack.callback(_stop, standby)
        primary.set("synchronous_standby_names = '*'")
        links = tuple(stack.enter_context(in_front_of(each.port)) for each in (primary, standby))
        yield PostgresPair(primary, standby, (links[0], links[1]))


def _stop(server: PostgresServer) -> None:
    with suppress(subprocess.CalledProcessError):  # it was killed
        server.stop()
