"""What the kernel keeps for this process: restored, or compared, before the next job."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import resource
import signal
from typing import Any, Final

# The functions of `signal` make enumerations of each answer, so those of `_signal` are called: they
# take a tenth of the time.

TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
SIGNALS: Final = tuple(map(int, sorted(signal.valid_signals())))
LIMITS: Final = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CORE,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_MEMLOCK,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)
"""The limits that could make a job fail. Read one by one: `/proc` takes several times as long."""


class ProcessState:
    """The state of this process before its first job."""

    def __init__(self) -> None:
        self._folder = os.open(".", os.O_PATH | os.O_CLOEXEC)
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._mask = set(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        self._dispositions: list[Any] = _dispositions()
        self._fixed = _fixed()

    def restore(self) -> bool:
        """Restore what can be restored; whether all else is as it was, too.

        A timer that a job left running would end the next job; where it ignores SIGCHLD, the exit
        statuses of the next job's processes would be lost.
        """
        for timer in TIMERS:
            _signal.setitimer(timer, 0)
        os.fchdir(self._folder)
        os.umask(self._umask)
        _signal.set_wakeup_fd(-1)
        _signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return self._restore_dispositions() and _fixed() == self._fixed

    def _restore_dispositions(self) -> bool:
        """Whether every signal is handled as before; what a C library did cannot be restored."""
        now = _dispositions()
        if now == self._dispositions:
            return True
        for number, before, after in zip(SIGNALS, self._dispositions, now, strict=True):
            if before != after and before is not None:
                signal.signal(number, before)
        return _dispositions() == self._dispositions


def _dispositions() -> list[object]:
    return list(map(_signal.getsignal, SIGNALS))


def _fixed() -> tuple[object, ...]:
    """What cannot be restored: user ids, group ids, priority, processors and resource limits."""
    return (
        os.getresuid(),
        os.getresgid(),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getscheduler(0),
        os.sched_getaffinity(0),
        *map(resource.getrlimit, LIMITS),
    )
