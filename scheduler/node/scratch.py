"""The folder for what lives as long as the node: sockets of processes, and the handlers' snapshot.

It is in the folder for temporary files, unless that is missing, cannot be written to, or has too
long a path for a Unix socket (unix(7): 107 bytes): then in another one, at last in data_dir.
"""

from __future__ import annotations

import multiprocessing.util
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError

SOCKET_PATH_MAX: Final = 107
LONGEST: Final = "/pymp-xxxxxxxx/listener-xxxxxxxx"
"""What `multiprocessing` makes in it."""
PATH_MAX: Final = SOCKET_PATH_MAX - len(LONGEST)
NAMED: Final = ("TMPDIR", "TEMP", "TMP")
"""The variables that name the folder for temporary files."""
ELSEWHERE: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a private folder is made in it


def make_scratch(data_dir: Path) -> str:
    """Make the folder, in which `multiprocessing` then works; it is removed when this process ends.

    Raises:
        StartError: there is no place for it.
    """
    tempfile.tempdir = _place(_candidates(data_dir), _refusal)
    return multiprocessing.util.get_temp_dir()


def likely_place(data_dir: Path) -> str:
    """Where it would be made, as far as rights tell: nothing is written.

    Raises:
        StartError: there is no place for it.
    """
    named = filter(None, map(os.environ.get, NAMED))
    return _place([*named, *ELSEWHERE, str(data_dir)], _refusal_by_rights)


def _place(candidates: Iterable[str], refusal: Callable[[str], str | None]) -> str:
    """The first folder that is not refused."""
    refusals = []
    for folder in dict.fromkeys(candidates):
        why = refusal(folder)
        if why is None:
            return folder
        refusals.append(f"{folder} {why}")
    raise StartError(
        "no folder for temporary files can be used: " + "; ".join(refusals) + "; set TMPDIR to one"
        f" that can be written to, with a path of at most {PATH_MAX} bytes"
    )


def _candidates(data_dir: Path) -> Iterator[str]:
    with suppress(FileNotFoundError):  # none of those that Python knows can be written to
        yield tempfile.gettempdir()
    yield from ELSEWHERE
    yield str(data_dir)


def _refusal(folder: str) -> str | None:
    """Why a folder cannot be used; None where it can."""
    if too_long := _excess(folder):
        return too_long
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"tried")
            file.flush()
    except OSError as error:
        return f"cannot be written to ({error.strerror})"
    return None


def _refusal_by_rights(folder: str) -> str | None:
    writable = os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK, effective_ids=True)  # noqa: PTH112
    return _excess(folder) or (None if writable else "cannot be written to")


def _excess(folder: str) -> str | None:
    size = len(os.fsencode(folder))
    return f"has a path of {size} bytes" if size > PATH_MAX else None
