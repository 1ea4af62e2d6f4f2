"""The files of the embedded server, and the two locks that show which process uses them.

    data_dir/queue/             its append-only file
    data_dir/queue.broken/      the last folder that it could not read
    data_dir/queue.log          its output since the node started
    data_dir/queue.sock         its socket; in a private temporary folder if the path is too long
    data_dir/queue.lock         locked by the node
    data_dir/queue.server.lock  locked by the server, which inherits the lock; has its socket's path

The kernel releases a lock when its last holder ends, however that died, and unlike a process id it
is never reused: where the node's lock is free but the server's is not, a killed node left its
server behind.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from scheduler.core.errors import StartError

SOCKET_PATH_MAX: Final = 103
"""Bytes in the path of a Unix socket: macOS allows 104 with the final NUL, Linux 108."""


class InheritedLock:
    """A lock on a file, held until it is closed and every process that inherited it is dead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acquire(self) -> bool:
        """Take the lock; false if another process holds it."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release it here; a process that inherited it still holds it."""
        os.close(self.descriptor)


class ServerFiles:
    """The files in one `data_dir`; folders are created if missing.

    Raises:
        StartError: they cannot be created.
    """

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir.resolve()
        self.folder = self.root / "queue"
        self.log = self.root / "queue.log"
        self.socket = self.root / "queue.sock"
        self.node_lock = self.root / "queue.lock"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.server_lock = InheritedLock(self.root / "queue.server.lock")
        except OSError as error:
            raise StartError(f"[node] data_dir: {self.root} cannot be used: {error}") from error

    def open_log(self) -> BinaryIO:
        """The log, opened for appending."""
        return self.log.open("ab")

    def last_log_line(self) -> str:
        """The last line of the log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it printed nothing"

    def begin(self, socket: Path) -> None:
        """Empty the log, and store the socket's path for a node that has to end a stale server."""
        self.log.write_bytes(b"")
        self.server_lock.path.write_bytes(os.fsencode(socket))

    def stored_socket(self) -> Path:
        """The socket of the server that holds the lock."""
        return Path(os.fsdecode(self.server_lock.path.read_bytes()))

    def set_aside(self) -> Path:
        """Replace the folder by an empty one; of the old ones only the last is kept."""
        aside = self.root / "queue.broken"
        shutil.rmtree(aside, ignore_errors=True)
        self.folder.rename(aside)
        self.folder.mkdir()
        return aside


@contextmanager
def socket_path(files: ServerFiles) -> Iterator[Path]:
    """The path of the socket for the server; it is removed afterwards."""
    socket = files.socket
    if len(os.fsencode(socket)) > SOCKET_PATH_MAX:
        socket = Path(tempfile.mkdtemp(prefix="atlanscheduler-")).resolve() / socket.name
    files.begin(socket)
    try:
        yield socket
    finally:
        remove_socket(socket)


def remove_socket(socket: Path) -> None:
    """Remove a socket, and its folder if that was made for it alone, and so is empty now."""
    socket.unlink(missing_ok=True)
    with suppress(OSError):
        socket.parent.rmdir()
