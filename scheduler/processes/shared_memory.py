"""Removes what a job left in shared memory: files in /dev/shm that nothing would ever remove.

Resource trackers remove what their processes registered, but are killed like everything else where
they take too long, and are not told of everything. What is left of a pool process is found by

    owner and time    it belongs to this user, and was not there when the process started
    the process       a process of the job had it in memory or open, or has its number in its name
    its use           no living process has it in memory or open

so nothing is touched that another job, or another program, made or uses.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from scheduler.processes import tree

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - POSIX shared memory on Linux (shm_overview(7))
NUMBERS: Final = re.compile(r"(?<![0-9A-Za-z])\d{3,}(?![0-9A-Za-z])").findall
"""Numbers that stand alone in a name; short ones may be anything."""
MAPPED: Final = re.compile(rf"{FOLDER}/(\S+)".encode()).findall


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
    """What a process, or one below it, has in memory, and what was not there before."""
    made = _made_since(before)
    if not made:
        return ()
    processes = [root, *tree.below(root)]
    return made.intersection(name for process in processes for name in _mapped(process.pid))


def remove_left(used: Collection[str], dead: Iterable[tree.Process], *, before: Before) -> None:
    """Remove what processes left that are dead now.

    Args:
        used: what `used_by` answered while they lived.
        dead: all of them.
        before: what was there before they started.
    """
    made = _made_since(before)
    pids = {str(process.pid) for process in dead}
    left = {name for name in made if name in used or pids.intersection(NUMBERS(name))}
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
    texts = []
    with suppress(OSError):
        texts.append(Path(f"/proc/{pid}/maps").read_bytes())
    with suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                texts.append(os.fsencode(descriptor.readlink()))
    for text in texts:
        for path in MAPPED(text):
            yield os.fsdecode(path).partition("/")[0]
