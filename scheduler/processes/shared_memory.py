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
from contextlib import suppress
from pathlib import Path
from stat import S_IWUSR
from typing import Final, NamedTuple

from scheduler.processes import tree

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - POSIX shared memory on Linux (shm_overview(7))
NAMED: Final = re.compile(r"(?:joblib_memmapping_folder|torch|sem\.loky|pym)[_-](\d+)[_-]").match
"""How libraries name what they make: joblib, PyTorch, loky, `multiprocessing`. Just a number in a
name proves nothing: process numbers are small in a container, and jobs number their files."""
MAPPED: Final = re.compile(rf"{FOLDER}/(\S+)".encode()).findall
WRITABLE: Final = re.compile(rf"^\S+ .w.* {FOLDER}/(\S+)".encode(), re.MULTILINE).findall


PROCESSES_MAX: Final = 32
"""How many processes of a job to look at, from the root on: each takes 0.3 ms, before the abort."""


class Before(NamedTuple):
    """What there was when a process started."""

    changed_ns: int
    """When an entry was last made or removed."""
    names: frozenset[str]


def before() -> Before:
    """What there is now."""
    with suppress(OSError):
        return Before(FOLDER.stat().st_mtime_ns, frozenset(os.listdir(FOLDER)))  # noqa: PTH208 - names
    return Before(0, frozenset())


def used_by(root: tree.Process, *, before: Before) -> Collection[str]:
    """What a process, or one below it, may write to, and what was not there before."""
    made = _made_since(before)
    if not made:
        return ()
    processes = [root, *tree.below(root)[:PROCESSES_MAX]]
    return made.intersection(name for process in processes for name in _written(process.pid))


def remove_left(used: Collection[str], dead: Iterable[tree.Process], *, before: Before) -> None:
    """Remove what processes left that are dead now.

    Args:
        used: what `used_by` answered while they lived.
        dead: all of them.
        before: what was there before they started.
    """
    made = _made_since(before)
    pids = {str(process.pid) for process in dead}
    left = {
        name for name in made if name in used or ((of := NAMED(name)) is not None and of[1] in pids)
    }
    for name in left.difference(_in_use()) if left else ():
        with suppress(OSError):
            path = FOLDER / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _made_since(before: Before) -> set[str]:
    made: set[str] = set()
    with suppress(OSError):
        if FOLDER.stat().st_mtime_ns == before.changed_ns:
            return made
        for name in set(os.listdir(FOLDER)) - before.names:  # noqa: PTH208 - names
            with suppress(OSError):
                if (FOLDER / name).lstat().st_uid == os.getuid():
                    made.add(name)
    return made


def _in_use() -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield from _mapped(int(entry.name))


def _mapped(pid: int) -> Iterator[str]:
    """What a process has in its memory, or open; of a folder, its name."""
    yield from _names(MAPPED(_maps(pid)))
    yield from _names(name for path, _ in _open(pid) for name in MAPPED(path))


def _written(pid: int) -> Iterator[str]:
    """The same, where it may write to it."""
    yield from _names(WRITABLE(_maps(pid)))
    yield from _names(name for path, writes in _open(pid) if writes for name in MAPPED(path))


def _names(paths: Iterable[bytes]) -> Iterator[str]:
    return (os.fsdecode(path).partition("/")[0] for path in paths)


def _maps(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/maps").read_bytes()
    return b""


def _open(pid: int) -> Iterator[tuple[bytes, bool]]:
    """What a process has open, and whether to write to it (proc_pid_fd(5))."""
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                yield os.fsencode(descriptor.readlink()), bool(descriptor.lstat().st_mode & S_IWUSR)
