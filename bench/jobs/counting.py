"""The job of the drain benchmark, the same for us and for every peer: be busy, then be counted.

Each process counts in a file of its own, mapped into its memory: a job costs no system call, and
whoever measures needs no peer's help to know how many are done. Two threads of a process would lose
counts, so no peer runs jobs in several. Standard library only.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Final

FOLDER: Final = "BENCH_COUNT"
"""In the environment: the folder of the files."""
WIDTH: Final = 8

_maps: dict[int, mmap.mmap] = {}


def count(ms: float) -> None:
    """Compute for so many milliseconds of a core's time, and count one more job."""
    until = time.thread_time() + ms / 1000
    while ms and time.thread_time() < until:
        pass
    own = _own()
    own[:WIDTH] = (int.from_bytes(own[:WIDTH], "big") + 1).to_bytes(WIDTH, "big")


def counted(folder: Path) -> int:
    """How many jobs were counted by all processes."""
    return sum(int.from_bytes(file.read_bytes(), "big") for file in folder.iterdir())


def _own() -> mmap.mmap:
    """The map of this process; a fork has one of its own."""
    pid = os.getpid()
    if pid not in _maps:
        file = Path(os.environ[FOLDER], str(pid))
        file.write_bytes(bytes(WIDTH))
        with file.open("r+b") as opened:
            _maps[pid] = mmap.mmap(opened.fileno(), WIDTH)
    return _maps[pid]
