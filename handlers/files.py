"""The only door to files for the shipped handlers: what they open lies below `files_dir`.

    "a/link.csv" ─▶ follow all links ─▶ still below files_dir? ─▶ open, following no link any more

So links that stay inside are welcome, and one that is put into the way after the question was asked
makes the opening fail instead of leading out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO


def files_dir() -> Path:
    """The folder that no shipped handler leaves, with its own links followed."""
    return _followed(Path(os.environ.get("SCHEDULER_HANDLERS__FILES_DIR", "files")), "files_dir")


def open_below(path: str) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        ValueError: the path leads out of `files_dir`, or to something that is no regular file.
        OSError: there is no such file, or it cannot be read.
    """
    top, place = files_dir(), file_below(path)
    return open(_descriptor(top, place.relative_to(top).parts), "rb")


def place_below(path: str) -> Path:
    """Where a file or folder lies, with all links followed.

    Raises:
        ValueError: the path is absolute, has a `..`, or leads out of `files_dir`.
        OSError: there is no such file or folder, or it cannot be looked at.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise ValueError(f"a path must be a text of at least one character, not {path!r}")
    asked = PurePosixPath(path)
    if asked.is_absolute() or ".." in asked.parts:
        raise ValueError(f"{path!r} must be relative to files_dir and without '..'")
    top = files_dir()
    place = _followed(top / asked, path)
    if not place.is_relative_to(top):
        raise ValueError(f"{path!r} leads out of files_dir")
    return place


def file_below(path: str) -> Path:
    """Where a regular file lies, with all links followed; never a device, which may act if opened.

    Raises:
        ValueError, OSError: as `place_below`; or there is something else.
    """
    place = place_below(path)
    if not stat.S_ISREG(place.stat().st_mode):
        raise ValueError(f"{path!r} is not a regular file")
    return place


def writable_below(path: str) -> Path:
    """Where a regular file lies or may be created: for SQLite, which opens by name.

    SQLite follows no link either in the last part of a name, nor in those of its journals. A folder
    that is replaced by a link in between would mislead it; who can do that, can write there anyway.

    Raises:
        ValueError, OSError: as `place_below`; the folder must be there, the file need not.
    """
    try:
        return file_below(path)
    except FileNotFoundError:
        asked = PurePosixPath(path)
        place = place_below(str(asked.parent)) / asked.name
        if place.is_symlink():  # to a file that is not there, perhaps outside
            raise
        return place


def files_below(path: str, above: frozenset[Path] = frozenset()) -> Iterator[str]:
    """Name all files in a folder and the folders in it, or the one file that `path` is.

    Raises:
        ValueError, OSError: as `place_below`; or a link leads back to a folder above it.
    """
    place = place_below(path)
    if place in above:
        raise ValueError(f"{path!r} is a link to a folder that it is in")
    if not place.is_dir():
        yield str(PurePosixPath(path))
        return
    for name in sorted(os.listdir(place)):  # noqa: PTH208 - names, not paths
        yield from files_below(str(PurePosixPath(path) / name), above | {place})


def _followed(place: Path, path: str) -> Path:
    try:
        return Path(os.path.realpath(place, strict=True))
    except OSError as error:  # told with the path that the user knows
        raise OSError(error.errno, error.strerror, path) from None


def _descriptor(top: Path, parts: tuple[str, ...]) -> int:
    """Open part by part, each in the folder before it, so that none is looked up through a link."""
    inner = os.open(top, os.O_RDONLY)
    for part in parts:
        outer = inner
        try:
            # O_NONBLOCK: a FIFO that took the file's place meanwhile would keep us waiting.
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=outer)
        finally:
            os.close(outer)
    return inner
