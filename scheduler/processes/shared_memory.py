"""Removes what a job left in shared memory: files in /dev/shm that nothing would ever remove.

Resource trackers remove what their processes registered, but are killed like everything else where
they take too long, and are not told of everything. What is left of a pool process is found by

    owner and time    it belongs to this user, and was not there when the process started
    the process       a process of the job had it in memory or open, to write to it; or a library
                      that names it after the process, by number, made it
    its use           no living process has it in memory or open

so nothing is touched that another job, or another program, uses, or made for a job to read.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from stat import S_IWUSR
from typing import Final, NamedTuple

from scheduler.processes import tree

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - POSIX shared memory on Linux (shm_overview(7))
NAMED: Final = re.compile(r"(?:joblib_memmapping_folder|torch|sem\.loky|pym)[_-](\d+)[_-]").match
"""How libraries name what they make: joblib, PyTorch, loky, `multiprocessing`. Just a number in a
name proves nothing: process numbers are small in a container, and jobs number their files."""


BELOW: Final = f"{FOLDER}/".encode()
PROCESSES_MAX: Final = 4
"""How many processes of a job to look at, from the root on: each takes 0.2 ms before the abort, and
what they share the first ones have, too."""


class Left(NamedTuple):
    """What is known of a pool process that has ended, and of all below it."""

    before: Collection[str]
    """The entries that were there when it started."""
    used: Collection[str]
    """What they might write to, and what was not there before."""
    dead: Collection[tree.Process]


def entries() -> frozenset[str]:
    """The names of what there is now."""
    with suppress(OSError):
        return frozenset(os.listdir(FOLDER))  # noqa: PTH208 - names
    return frozenset()


def used_by(root: tree.Process, *, before: AbstractSet[str]) -> Collection[str]:
    """What a process, or one below it, may write to, and what was not there before.

    Mostly nothing is new, and then no process is looked at.
    """
    if entries() <= before:
        return frozenset()
    processes = [root, *tree.below(root)[:PROCESSES_MAX]]
    return {
        name
        for process in processes
        for name in _mapped(process.pid, writable=True)
        if name not in before
    }


def remove(left: Iterable[Left]) -> None:
    """Remove what ended processes left. It takes longer than an abort may: do it afterwards."""
    there = entries()
    found = {name for each in left for name in there.difference(each.before) if _is_of(name, each)}
    for name in found.difference(_in_use()) if found else ():
        path = FOLDER / name
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_of(name: str, left: Left) -> bool:
    if name in left.used:
        return True
    by = NAMED(name)
    return by is not None and int(by[1]) in {process.pid for process in left.dead}


def _in_use() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield from _mapped(int(entry.name))


def _mapped(pid: int, *, writable: bool = False) -> Iterator[str]:
    """What a process has in its memory, or open, perhaps to write to it; of a folder, its name."""
    paths = [path for path, writes in (*_maps(pid), *_open(pid)) if writes or not writable]
    for path in paths:
        yield os.fsdecode(path).removeprefix(f"{FOLDER}/").partition("/")[0].split(" ")[0]


def _maps(pid: int) -> Iterator[tuple[bytes, bool]]:
    """What a process has in its memory, and whether to write to it (proc_pid_maps(5))."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_bytes().split(b"\n"):
            if BELOW in line:
                yield line[line.index(BELOW) :], line.split(b" ", 2)[1][1:2] == b"w"


def _open(pid: int) -> Iterator[tuple[bytes, bool]]:
    """What a process has open, and whether to write to it (proc_pid_fd(5)).

    With bare system calls, as in `tree`: it is asked before an abort.
    """
    folder = f"/proc/{pid}/fd".encode()
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            with suppress(OSError):
                path = os.readlink(descriptor := folder + b"/" + name)  # noqa: PTH115
                if path.startswith(BELOW):
                    yield path, bool(os.lstat(descriptor).st_mode & S_IWUSR)
