"""A lock file: the process that holds it may use the folder or the database that it guards."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError

LOCKS: Final = Path("/proc/locks")


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock, without touching it: a start at this moment must get it."""
    with suppress(OSError, ValueError, IndexError):
        inode = path.stat().st_ino
        locks = (line.split() for line in LOCKS.read_text("ascii").splitlines())
        return any("FLOCK" in lock and int(lock[-3].split(":")[2]) == inode for lock in locks)
    return False


@contextmanager
def locked(path: Path, *, guards: Path) -> Iterator[None]:
    """Hold a lock on the file `path`. The kernel releases it when the process dies.

    The file is not deleted when the lock is released: else two processes could hold a lock each,
    one on the deleted file and one on a new file of the same name.

    Args:
        path: the lock file.
        guards: what the lock protects, for the message.

    Raises:
        StartError: another process holds it, and so uses what it guards.
        OSError: the file system cannot make or lock it.
    """
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StartError(
                f"{guards} is in use by process {file.read() or 'unknown'}: stop that node, or"
                " give this one a data_dir of its own: each node needs one, and several share their"
                " jobs by a PostgreSQL store"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
