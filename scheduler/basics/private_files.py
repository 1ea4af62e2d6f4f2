"""Files that only the user of this process may read, whatever umask it was started with.

    data_dir is                        it gets    new files get
    missing, or ours and open to all   0700       0600
    ours, and closed to others         as it is   what its group has there, without execution
    another's, with the setgid bit     as it is   the same: a volume that a group shares
    another's                          as it is   0600

The umask of the whole process does it, so that no file is open for a moment, and those of SQLite
and of the embedded queue are included. What jobs write is their users': they get the umask that
this process was started with.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

UMASK: Final = "ATLANSCHEDULER_UMASK"
"""The variable with the umask for jobs, in octal digits."""
OURS: Final = re.compile(r"node\.lock|scheduler\.db([-.].+)?|queue(\..+)?|admin-token|lost\+found")
"""What may be in a folder that is closed to others: nothing in it is for them."""
OTHERS: Final = stat.S_IRWXO
GROUP: Final = stat.S_IRWXG


def keep_private(folder: Path) -> None:
    """Let only the own user, and the group that a shared folder names, use all new files."""
    os.environ[UMASK] = f"{os.umask(_umask(folder)):o}"


@contextmanager
def users_umask() -> Iterator[None]:
    """The umask that this process was started with, for a block that makes what is the user's."""
    private = os.umask(0o077)
    os.umask(int(os.environ.get(UMASK, f"{private:o}"), 8))
    try:
        yield
    finally:
        os.umask(private)


def close_to_others(folder: Path) -> None:
    """Close a folder of ours, and our files in it, to all other users."""
    entries = list(folder.iterdir())
    for entry in entries:
        if OURS.fullmatch(entry.name):
            narrow(entry)
    if _is_open(folder) and all(OURS.fullmatch(entry.name) for entry in entries):
        narrow(folder)


def tell_if_open(folder: Path) -> None:
    """Log that a folder could not be closed: it is not ours, or has other things in it."""
    if _is_open(folder):
        log.warning(
            "other users of this machine can look into data_dir: make it one of its own, and"
            " chmod 700 it",
            folder=str(folder),
        )


def narrow(path: Path) -> None:
    """Close a file or folder of ours to group and others, if it is open to others.

    Where it is not, somebody has chosen what the group may do. Without effect on what is missing,
    on another user's, on a link, and on a folder that all share, such as `/tmp`. Not for a file
    that SQLite has open: closing it here would release SQLite's locks.
    """
    with suppress(OSError), _opened(path) as descriptor:
        found = os.fstat(descriptor)
        ours = found.st_uid == os.geteuid() and not found.st_mode & stat.S_ISVTX
        if ours and found.st_mode & OTHERS:
            os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & ~(GROUP | OTHERS))


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """A file or folder, opened without following a link or waiting for a pipe's other end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_open(folder: Path) -> bool:
    return bool(folder.stat().st_mode & OTHERS)


def _umask(folder: Path) -> int:
    try:
        found = folder.stat()
    except OSError:
        return GROUP | OTHERS
    if found.st_uid == os.geteuid():
        for_group = not found.st_mode & OTHERS
    else:
        for_group = bool(found.st_mode & stat.S_ISGID)
    return (GROUP | OTHERS) & ~(found.st_mode & GROUP if for_group else 0)
