"""What a process has only one of, and asks the kernel for: signals, limits, priority, timers.

Each state has a way to change it, and a way to see it that gives the same value in every process.
"""

from __future__ import annotations

import _thread
import ctypes
import faulthandler
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

from scheduler import handler

LIBC = ctypes.CDLL(None)
PAIR = socket.socketpair()
PAIR[0].settimeout(0)
CLOCK_MONOTONIC = 1


def _nothing(*_: object) -> None:
    """Handle a signal by doing nothing."""


def _disposition(number: signal.Signals) -> Callable[[], object]:
    return lambda: repr(signal.getsignal(number)).partition(" at ")[0]


def _status_of_a_failure() -> int:
    """The exit status of a command that fails: without SIGCHLD it would be lost."""
    return subprocess.run(["false"], check=False).returncode


def _write_without_a_reader() -> str:
    """What comes of writing to a pipe that nobody reads: with the default SIGPIPE, death."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        os.write(writing, b"x")
    except BrokenPipeError as error:
        return type(error).__name__
    finally:
        os.close(writing)
    return "written"


def _wakeup() -> int:
    """Where signals are reported; -1 for nowhere."""
    signal.set_wakeup_fd(was := signal.set_wakeup_fd(-1))
    return was


def _alarm() -> float:
    return signal.getitimer(signal.ITIMER_REAL)[0]


def _begin_raw_thread() -> None:
    """A thread of which `threading` does not know; once it runs, it counts."""
    begun = _thread.allocate_lock()
    begun.acquire()

    def run() -> None:
        begun.release()
        signal.pause()

    _thread.start_new_thread(run, ())
    begun.acquire()


def _threads() -> int:
    """All threads of this process, also those that Python does not know."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only a number is wanted


def _lower(limit: int) -> None:
    resource.setrlimit(limit, (100, resource.getrlimit(limit)[1]))


STATES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "children are not waited for": (
        lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
        _status_of_a_failure,
    ),
    "a handler of SIGCHLD": (
        lambda: signal.signal(signal.SIGCHLD, _nothing),
        _disposition(signal.SIGCHLD),
    ),
    "a handler of SIGPIPE": (
        lambda: signal.signal(signal.SIGPIPE, _nothing),
        _disposition(signal.SIGPIPE),
    ),
    "the default of SIGPIPE": (
        lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
        _disposition(signal.SIGPIPE),
    ),
    "SIGINT ignored": (
        lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        _disposition(signal.SIGINT),
    ),
    "a handler of SIGUSR1": (
        lambda: signal.signal(signal.SIGUSR1, _nothing),
        _disposition(signal.SIGUSR1),
    ),
    "a handler of SIGALRM": (
        lambda: signal.signal(signal.SIGALRM, _nothing),
        _disposition(signal.SIGALRM),
    ),
    "a handler of SIGHUP": (
        lambda: signal.signal(signal.SIGHUP, _nothing),
        _disposition(signal.SIGHUP),
    ),
    "a real-time signal ignored": (
        lambda: signal.signal(signal.SIGRTMIN, signal.SIG_IGN),
        _disposition(signal.SIGRTMIN),
    ),
    "blocked signals": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT}),
        lambda: sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    ),
    "a blocked SIGCHLD": (
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD}),
        lambda: sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    ),
    "a descriptor for signals": (
        lambda: signal.set_wakeup_fd(PAIR[0].fileno()),
        _wakeup,
    ),
    "an alarm": (lambda: signal.alarm(1000), lambda: _alarm() > 0),
    "a watchdog of faulthandler": (
        lambda: faulthandler.dump_traceback_later(1000, exit=True),
        _threads,
    ),
    "a raw thread": (_begin_raw_thread, _threads),
    "few open files": (
        lambda: _lower(resource.RLIMIT_NOFILE),
        lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
    ),
    "no core dumps": (
        lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        lambda: resource.getrlimit(resource.RLIMIT_CORE),
    ),
    "no locked memory": (
        lambda: _lower(resource.RLIMIT_MEMLOCK),
        lambda: resource.getrlimit(resource.RLIMIT_MEMLOCK),
    ),
    "a priority": (lambda: os.nice(1), lambda: os.nice(0)),
    "a scheduling policy": (
        lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
        lambda: os.sched_getscheduler(0),
    ),
    "one CPU": (
        lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        lambda: sorted(os.sched_getaffinity(0)),
    ),
}


@handler("signals")
def signals(data: Any) -> Any:
    """Change a state if asked to; the state then."""
    change, state = STATES[data["state"]]
    if data["change"]:
        change()
    return state()


@handler("write_without_a_reader")
def write_without_a_reader(data: Any) -> Any:
    """Write to a pipe that nobody reads."""
    return _write_without_a_reader()
