"""Paths for handlers: of what a job's data names, only what is below `files_dir` is opened.

    "a/link.csv" ─▶ follow all links ─▶ still below files_dir? ─▶ open without following links

So links that stay inside are allowed. If a link is put into the path after the check, opening the
file fails instead of leading out of the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

FOLDERS_MAX = 10_000
DEPTH_MAX = 100
ENTRIES_MAX = 100_000


def files_dir() -> Path:
    """The folder of `[handlers] files_dir`, with its own links resolved."""
    return _resolved(Path(os.environ.get("SCHEDULER_HANDLERS__FILES_DIR", "files")), "files_dir")


def open_below(path: str) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        ValueError: the path leads out of `files_dir`, or to something that is not a regular file.
        OSError: there is no such file, or it cannot be read.
    """
    top, resolved = files_dir(), file_below(path)
    return open(_open_below(top, resolved.relative_to(top).parts), "rb")


def path_below(path: str) -> Path:
    """The absolute path of a file or folder, with all links resolved.

    Raises:
        ValueError: the path is absolute, has a `..`, or leads out of `files_dir`.
        OSError: there is no such file or folder, or it cannot be accessed.
    """
    relative, top = _relative(path), files_dir()
    resolved = _resolved(top / relative, path)
    if not resolved.is_relative_to(top):
        raise ValueError(f"{path!r} leads out of files_dir")
    return resolved


def file_below(path: str) -> Path:
    """The absolute path of a regular file, with all links resolved.

    Only a regular file: opening a device may have an effect, and reading a FIFO may block.

    Raises:
        ValueError, OSError: as `path_below`; or it is not a regular file.
    """
    resolved = path_below(path)
    if not stat.S_ISREG(resolved.stat().st_mode):
        raise ValueError(f"{path!r} is not a regular file")
    return resolved


def folder_below(path: str, *, create: bool = False) -> Path:
    """The absolute path of a folder, with all links resolved.

    Args:
        create: whether to make it, and the folders that it is in, where they are missing.

    Raises:
        ValueError, OSError: as `path_below`; or it is not a folder.
    """
    if create:
        _relative(path)
        for folder in reversed([each := PurePosixPath(path), *each.parents]):
            try:
                path_below(str(folder))
            except FileNotFoundError:
                (path_below(str(folder.parent)) / folder.name).mkdir(exist_ok=True)
    resolved = path_below(path)
    if not resolved.is_dir():
        raise ValueError(f"{path!r} is not a folder")
    return resolved


def writable_below(path: str) -> Path:
    """The absolute path of a regular file that exists or may be created: for SQLite.

    SQLite opens files by name, but follows no link in the last part of the name or of its journals'
    names. A folder that is replaced by a link in between would mislead it, but whoever can do that
    can write there anyway.

    Raises:
        ValueError, OSError: as `path_below`; the folder must exist, the file need not.
    """
    try:
        return file_below(path)
    except FileNotFoundError:
        relative = PurePosixPath(path)
        resolved = path_below(str(relative.parent)) / relative.name
        if resolved.is_symlink():  # to a file that does not exist, perhaps outside of files_dir
            raise
        return resolved


def files_below(paths: Iterable[str]) -> Iterator[str]:
    """The paths of all files in folders and their subfolders; for a file, its own path.

    Raises:
        ValueError, OSError: as `path_below`; a link leads back to a folder above it; or there are
            too many folders, or entries in one. Links may name one folder in countless ways.
    """
    folders = count(1)

    def walk(path: PurePosixPath, above: frozenset[Path]) -> Iterator[str]:
        resolved = path_below(str(path))
        if resolved in above:
            raise ValueError(f"{str(path)!r} is a link to a folder that it is in")
        if not resolved.is_dir():
            yield str(path)
            return
        if next(folders) > FOLDERS_MAX or len(above) == DEPTH_MAX:
            raise ValueError(
                f"{str(path)!r}: more than {FOLDERS_MAX} folders, or {DEPTH_MAX} in each other"
            )
        for name in _names_in(resolved, path):
            yield from walk(path / name, above | {resolved})

    for path in paths:
        path_below(path)  # as it was given: `PurePosixPath` takes no number, and drops a "."
        yield from walk(PurePosixPath(path), frozenset())


def _relative(path: str) -> PurePosixPath:
    """The path, where it is relative and leads nowhere up.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"a path must be a text of at least one character, not {path!r}")
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise ValueError(f"{path!r} must be relative to files_dir and without '..'")
    return relative


def _names_in(folder: Path, path: PurePosixPath) -> list[str]:
    """The names in a folder, sorted; no more are read than allowed."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in islice(entries, ENTRIES_MAX + 1)]
    if len(names) > ENTRIES_MAX:
        raise ValueError(f"{str(path)!r}: more than {ENTRIES_MAX} entries")
    return sorted(names)


def _resolved(absolute: Path, path: str) -> Path:
    try:
        return Path(os.path.realpath(absolute, strict=True))
    except OSError as error:  # raised again with the path that the user knows
        raise OSError(error.errno, error.strerror, path) from None


def _open_below(top: Path, parts: tuple[str, ...]) -> int:
    """Open a file part by part, each relative to the folder before it, so that no link is followed.

    Returns the file descriptor.
    """
    inner = os.open(top, os.O_RDONLY)
    for part in parts:
        outer = inner
        try:
            # O_NONBLOCK: opening would block if a FIFO has replaced the file since the check.
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=outer)
        finally:
            os.close(outer)
    return inner
