"""The job whose throughput is measured, the same for our node and for every peer.

It computes, then counts itself. Each process counts in a file of its own, mapped into its memory.
So counting costs no system call, and the benchmark can read the count without the peer's help. Two
threads of a process would lose counts, so no peer runs jobs in several threads. Standard library
only.
"""

from __future__ import annotations

import mmap
import os
import time
from pathlib import Path
from typing import Final

COUNTS: Final = "BENCH_COUNT"
"""The environment variable for the folder of the files."""
WIDTH: Final = 8

_maps: dict[int, mmap.mmap] = {}


def count(ms: float) -> None:
    """Compute for this many milliseconds of a core's time, and count one more job."""
    until = time.thread_time() + ms / 1000
    while ms and time.thread_time() < until:
        pass
    own = _own_counter()
    own[:WIDTH] = (int.from_bytes(own[:WIDTH], "big") + 1).to_bytes(WIDTH, "big")


def counted(folder: Path) -> int:
    """How many jobs all processes counted."""
    return sum(int.from_bytes(file.read_bytes(), "big") for file in folder.iterdir())


def _own_counter() -> mmap.mmap:
    """The mapped counter of this process; a forked process gets a new one."""
    pid = os.getpid()
    if pid not in _maps:
        file = Path(os.environ[COUNTS], str(pid))
        file.write_bytes(bytes(WIDTH))
        with file.open("r+b") as opened:
            _maps[pid] = mmap.mmap(opened.fileno(), WIDTH)
    return _maps[pid]
