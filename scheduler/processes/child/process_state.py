"""Process-wide state that a job may have changed: restored, or checked, before the next job."""

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
"""The limits that could make a job fail; each is read after every job."""


class ProcessState:
    """The state of this process before its first job."""

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._ids_and_limits = _ids_and_limits()
        # Not 0: a handler file may have started threads, and until 3.12 a fork keeps their count.
        self._threads = _thread._count()  # noqa: SLF001 - typed, and older than this project

    def restore(self) -> None:
        """Restore what can be restored: no timer runs, and folder and umask are the original ones.

        A timer that a job left running would end the next job.
        """
        for timer in TIMERS:
            signal.setitimer(timer, 0)
        with suppress(OSError):  # the folder was deleted
            os.chdir(self._folder)
        os.umask(self._umask)

    def is_as_before(self) -> bool:
        """Whether all other state is unchanged, and no additional thread runs.

        Threads are counted with `_thread`: the module `threading` does not know all of them.
        """
        same_threads = _thread._count() == self._threads  # noqa: SLF001
        return same_threads and _ids_and_limits() == self._ids_and_limits


def _ids_and_limits() -> tuple[object, ...]:
    """The user ids, group ids, priority and resource limits of this process."""
    ids = (os.getresuid(), os.getresgid(), os.getpriority(os.PRIO_PROCESS, 0))
    return (*ids, *map(resource.getrlimit, LIMITS))
