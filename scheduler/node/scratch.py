"""The folder for what lives as long as the node: sockets of processes, and the handlers' snapshot.

It is in the folder for temporary files, unless that is missing, cannot be written to, or has too
long a path for a Unix socket (unix(7): 107 bytes): then in another one, at last in data_dir.
"""

from __future__ import annotations

import multiprocessing.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from scheduler.core.errors import StartError

SOCKET_PATH_MAX: Final = 107
LONGEST: Final = "/pymp-xxxxxxxx/listener-xxxxxxxx"
"""What `multiprocessing` makes in it."""
PATH_MAX: Final = SOCKET_PATH_MAX - len(LONGEST)
ELSEWHERE: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a private folder is made in it


def make_scratch(data_dir: Path) -> str:
    """Make the folder, in which `multiprocessing` then works; it is removed when this process ends.

    Raises:
        StartError: there is no place for it.
    """
    refusals = []
    for folder in dict.fromkeys(_candidates(data_dir)):
        refusal = _refusal(folder)
        if refusal is None:
            tempfile.tempdir = folder
            return multiprocessing.util.get_temp_dir()
        refusals.append(f"{folder} {refusal}")
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
    if len(os.fsencode(folder)) > PATH_MAX:
        return f"has a path of {len(os.fsencode(folder))} bytes"
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"tried")
            file.flush()
    except OSError as error:
        return f"cannot be written to ({error.strerror})"
    return None
