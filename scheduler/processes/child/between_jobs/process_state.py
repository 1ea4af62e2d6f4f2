"""What the kernel keeps for this process: restored, or compared, before the next job."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

TIMERS: Final = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
SIGNALS: Final = tuple(map(int, sorted(signal.valid_signals())))
READ_BYTES_MAX: Final = 4096
"""More than `/proc/self/limits` has; of the timers of a process the first suffices."""


class ProcessState:
    """The state of this process before its first job."""

    def __init__(self) -> None:
        self._folder = str(Path.cwd())
        self._umask = os.umask(0o077)
        os.umask(self._umask)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._dispositions: list[Any] = _dispositions()
        self._limits = os.open("/proc/self/limits", os.O_RDONLY | os.O_CLOEXEC)
        self._posix_timers: int | None = None
        with suppress(OSError):  # a kernel without CONFIG_CHECKPOINT_RESTORE
            self._posix_timers = os.open("/proc/self/timers", os.O_RDONLY | os.O_CLOEXEC)
        self._fixed = self._fixed_now()

    def restore(self) -> bool:
        """Restore what can be restored; whether all else is as it was, too.

        A timer that a job left running would end the next job; where it ignores SIGCHLD, the exit
        statuses of the next job's processes would be lost.
        """
        for timer in TIMERS:
            signal.setitimer(timer, 0)
        with suppress(OSError):  # the folder was deleted
            os.chdir(self._folder)
        os.umask(self._umask)
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return self._restore_dispositions() and self._fixed_now() == self._fixed

    def _restore_dispositions(self) -> bool:
        """Whether every signal is handled as before; what a C library did cannot be restored."""
        now = _dispositions()
        if now == self._dispositions:
            return True
        for number, before, after in zip(SIGNALS, self._dispositions, now, strict=True):
            if before != after and before is not None:
                signal.signal(number, before)
        return _dispositions() == self._dispositions

    def _fixed_now(self) -> tuple[object, ...]:
        """What cannot be restored: ids, priority, processors, resource limits, POSIX timers."""
        return (
            os.getresuid(),
            os.getresgid(),
            os.getpriority(os.PRIO_PROCESS, 0),
            os.sched_getscheduler(0),
            os.sched_getaffinity(0),
            os.pread(self._limits, READ_BYTES_MAX, 0),
            self._posix_timers and os.pread(self._posix_timers, READ_BYTES_MAX, 0),
        )


def _dispositions() -> list[object]:
    # The function of `signal` makes an enumeration of each answer, and takes twenty times as long.
    return list(map(_signal.getsignal, SIGNALS))
