"""A file that one process holds: who has it, has the folder or the database that it stands for."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scheduler.core.errors import StartError


@contextmanager
def locked(path: Path, *, guards: Path) -> Iterator[None]:
    """Hold `path` locked, for what it stands for. The kernel lets go when the process dies.

    The file stays when the lock is dropped: were it deleted, two processes could have a lock each,
    one on the deleted file and one on a new file of its name.

    Raises:
        StartError: another process holds it, and with it the file that it guards.
        OSError: the file system cannot make or lock it.
    """
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise StartError(
                f"{guards} is in use by process {file.read() or 'unknown'}: stop that node, or"
                " give this one a data_dir of its own; only a PostgreSQL store can be shared"
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
