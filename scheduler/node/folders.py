"""The folders that a node makes; those that a start made are removed again where it fails."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from scheduler.basics.file_lock import locked
from scheduler.basics.private_files import close_to_others, users_umask
from scheduler.core.errors import StartError
from scheduler.processes.warden.cookie import DATA_DIR, end_all

MOUNTS: Final = Path("/proc/self/mountinfo")
KERNELS: Final = frozenset(
    {"bpf", "cgroup", "cgroup2", "debugfs", "devpts", "proc", "securityfs", "sysfs", "tracefs"}
)
"""File systems in which a user of any rights can make no files."""
LOCK: Final = "node.lock"
"""The file in data_dir that a node has locked while it runs."""


class Folders:
    """A node's data_dir, and what else it makes."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._made: list[Path] = []
        """The outer ones first."""

    def make(self, folder: Path) -> None:
        """Make a folder, and those that it is in, where they are missing.

        Raises:
            OSError: it cannot be made.
        """
        self._made += (each for each in reversed([folder, *folder.parents]) if not each.exists())
        folder.mkdir(parents=True, exist_ok=True)

    def make_files_dir(self, path: str) -> Path:
        """The folder below which handlers read and write; with the rights that the user gives.

        Raises:
            StartError: it cannot be made.
        """
        files_dir = Path(path).resolve()
        try:
            with users_umask():
                self.make(files_dir)
        except OSError as error:
            raise StartError(f"[handlers] files_dir {_said(files_dir, error)}") from error
        return files_dir

    def keep(self) -> None:
        """Keep what was made: the node has started."""
        self._made.clear()

    def remove(self) -> None:
        """Remove what was made; of other folders than data_dir only those that are empty."""
        for folder in reversed(self._made):
            if folder == self.data_dir:
                shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()


def flaw_of(folder: Path) -> str | None:
    """Why this process cannot make the folder, or use it where it is there; nothing is tried."""
    # Not `Path.exists`, which raises an error where a folder above may not be entered.
    there = next(each for each in (folder, *folder.parents) if os.path.exists(each))  # noqa: PTH110
    if not os.path.isdir(there):  # noqa: PTH112
        return f"{there} is no folder"
    if kind := _kernels(there):
        return f"{there} is of the kernel ({kind}), and takes no files"
    is_new = there != folder
    rights = os.W_OK | os.X_OK if is_new else os.R_OK | os.W_OK | os.X_OK
    if os.access(there, rights, effective_ids=True):
        return None
    return f"user {_user()} {'cannot write to' if is_new else 'has no rights in'} {there}"


def _said(folder: Path, error: OSError) -> str:
    """A folder that cannot be used, why, and where the fault is."""
    flaw = flaw_of(folder)
    if error.errno in {errno.EEXIST, errno.ENOTDIR} and flaw:
        return f"{folder}: {flaw}"
    return f"{folder}: {error.strerror}" + (f": {flaw}" if flaw else "")


def _kernels(folder: Path) -> str | None:
    """The kind of the file system, where the kernel only shows itself by it, as in /proc."""
    device = os.stat(folder).st_dev  # noqa: PTH116
    number = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        for line in MOUNTS.read_text("utf-8", "replace").splitlines():
            mount, _, source = line.partition(" - ")
            if mount.split()[2] == number and (kind := source.split()[0]) in KERNELS:
                return kind
    return None


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # in a container, a user often has only a number
        return str(os.geteuid())


@contextmanager
def occupied(path: str) -> Iterator[Folders]:
    """Lock a data_dir for this node, and end the processes that a killed node of it left running.

    Raises:
        StartError: the folder cannot be created or written to, or another node has locked it.
    """
    folders = Folders(Path(path).resolve())
    with ExitStack() as stack:
        try:
            folders.make(folders.data_dir)
            close_to_others(folders.data_dir)
            lock = locked(folders.data_dir / LOCK, guards=folders.data_dir)
            stack.enter_context(lock)
        except OSError as error:
            raise StartError(f"[node] data_dir {_said(folders.data_dir, error)}") from error
        stack.callback(folders.remove)  # under the lock
        # Under the lock, no living node has processes of it.
        end_all(DATA_DIR, str(folders.data_dir))
        yield folders
