"""What a process has only one of, and a job may have changed for the one that comes after it."""

from __future__ import annotations

import _thread
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
LIMITS: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)
"""Those that would fail a job; each is asked for after every job."""


class ProcessState:
    """This process as its first job finds it."""

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._standing = _standing()
        # Not 0: a file of handlers may have started some, and until 3.12 forks count them on.
        self._threads = _thread._count()  # noqa: SLF001 - typed, and older than this project

    def restore(self) -> None:
        """Take back what can be: the timers, of which none ran, the folder and the umask.

        A timer that a job left would end the next one.
        """
        for timer in TIMERS:
            signal.setitimer(timer, 0)
        with suppress(OSError):  # the folder was deleted: nobody can be in it
            os.chdir(self._folder)
        os.umask(self._umask)

    def is_as_before(self) -> bool:
        """Whether all the rest is as it was, and no thread runs that was not there.

        The module `threading` does not know of all threads.
        """
        return _thread._count() == self._threads and _standing() == self._standing  # noqa: SLF001


def _standing() -> tuple[object, ...]:
    """Who this process is to the kernel, and how much of everything it may take."""
    ids = (os.getresuid(), os.getresgid(), os.getpriority(os.PRIO_PROCESS, 0))
    return (*ids, *map(resource.getrlimit, LIMITS))
