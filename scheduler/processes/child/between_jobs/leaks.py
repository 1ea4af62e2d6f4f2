"""What a job left behind that would disturb the next one: then the process is replaced.

    a thread, a child     at once: it still runs code of the job
    open descriptors      from `DESCRIPTORS_MAX` more on: a connection that a handler keeps is
                          wanted, a leak ends in "too many open files"
    memory                where later jobs would have clearly less than the first one had, whichever
                          handler they run

All is compared with what there was before the first job, when the handler files were loaded.
"""

from __future__ import annotations

import _thread
import ctypes
import os
import resource
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from scheduler.processes.child.containment import has_children

DESCRIPTORS_MAX: Final = 100
DESCRIPTORS_SHARE: Final = 4
"""Where the limit of open files is low: at most this part of it, 1 / 4."""
MEMORY_SHARE: Final = 8
"""With `memory_bytes`: at most this part of what the first job could take, 1 / 8."""
MACHINE_SHARE: Final = 4
"""Without: at most this part of what the machine or the container has, 1 / 4."""
THREADS_END_S: Final = 0.05
"""How long threads may take to end that were told to, such as those of a pool that was closed."""
COUNT_EVERY: Final = 8
"""After how many jobs descriptors are counted, which takes ten times as long as the other look."""
PAGE_BYTES: Final = resource.getpagesize()
MEMORY_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_give_back_memory: Final = getattr(ctypes.CDLL(None), "malloc_trim", lambda _: None)  # glibc


class Leaks:
    """Compares what this process has with what it had before its first job."""

    def __init__(self, *, memory_bytes: int | None) -> None:
        """Look at what there is.

        Args:
            memory_bytes: the lowest limit of a handler; None where there is none.
        """
        # Not 0: a handler file may have started threads.
        self._threads = _thread._count()  # noqa: SLF001 - `threading` does not know all of them
        self._children = _children()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        few = soft // DESCRIPTORS_SHARE if soft >= 0 else DESCRIPTORS_MAX
        self._jobs = 0
        self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        self._told = b""
        self._data_bytes_told = 0
        self._descriptors = Descriptors()
        self._descriptors_max = self._descriptors.count() + min(DESCRIPTORS_MAX, few)
        self._peak_bytes = _peak_bytes()
        self._limited = memory_bytes is not None
        self._data_bytes = self._data_bytes_now()
        self._growth_max = (
            _machine_bytes() // MACHINE_SHARE
            if memory_bytes is None
            else max(0, memory_bytes - self._data_bytes) // MEMORY_SHARE
        )

    def found(self) -> bool:
        """Whether there is anything for which this process must be replaced."""
        return (
            self._has_threads()
            or (has_children() and _children() != self._children)
            or self._has_descriptors()
            or self._has_grown()
        )

    def _has_threads(self) -> bool:
        """Whether there are more threads of Python; those of C libraries are pools, and idle."""
        if _thread._count() <= self._threads:  # noqa: SLF001
            return False
        give_up_at = time.monotonic() + THREADS_END_S
        while (more := _thread._count() > self._threads) and time.monotonic() < give_up_at:  # noqa: SLF001
            time.sleep(THREADS_END_S / 50)
        return more

    def _has_descriptors(self) -> bool:
        """Whether too many are open. Those that a job leaves mostly have the lowest numbers."""
        self._jobs += 1
        if self._jobs % COUNT_EVERY == 0:
            return self._descriptors.count() > self._descriptors_max
        os.close(lowest := os.dup(0))
        return lowest > self._descriptors_max

    def _has_grown(self) -> bool:
        if not self._limited:  # then it is enough to look when more memory was used than ever
            before, self._peak_bytes = self._peak_bytes, _peak_bytes()
            if self._peak_bytes == before:
                return False
        if self._data_bytes_now() - self._data_bytes <= self._growth_max:
            return False
        _give_back_memory(0)  # what the allocator only keeps for later is no leak
        return self._data_bytes_now() - self._data_bytes > self._growth_max

    def _data_bytes_now(self) -> int:
        """What RLIMIT_DATA counts, and the stack (proc_pid_statm(5))."""
        if (told := os.pread(self._statm, 200, 0)) != self._told:
            self._told, self._data_bytes_told = told, int(told.split()[5]) * PAGE_BYTES
        return self._data_bytes_told


class Descriptors:
    """Counts the open descriptors of this process."""

    def __init__(self) -> None:
        self._folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_CLOEXEC)
        self._is_told = os.fstat(self._folder).st_size == self._listed()
        """Whether the size of the folder is the count (proc_pid_fd(5): from Linux 6.2 on)."""

    def count(self) -> int:
        """How many there are; one more is open meanwhile where they must be listed."""
        return os.fstat(self._folder).st_size if self._is_told else self._listed()

    def _listed(self) -> int:
        return len(os.listdir(self._folder)) - 1  # noqa: PTH208 - `listdir` opens one itself


def _children() -> set[str]:
    """The children of this process; those that a handler file started are there before any job."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):
            found.update((task / "children").read_text("ascii").split())
    return found


def _peak_bytes() -> int:
    """The most memory that this process ever had, without what is swapped out."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _machine_bytes() -> int:
    """The memory of the machine, or of the container."""
    found = os.sysconf("SC_PHYS_PAGES") * PAGE_BYTES
    for limit in map(Path, MEMORY_LIMITS):
        with suppress(OSError, ValueError):  # there is none, or it is "max"
            found = min(found, int(limit.read_text("ascii")))
    return found
