"""The end of a pool process in which jobs ran: what an interpreter does when it exits.

Libraries rely on it: joblib removes its folder, multiprocessing its semaphores and shared memory. A
process that is killed does not get there, and one that hangs here is killed by its node.
"""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

STEP_S: Final = 0.2
"""How long a step may take that waits for others: for calls that run, for processes that live."""
TRACKERS: Final = (
    "multiprocessing.resource_tracker",
    "joblib.externals.loky.backend.resource_tracker",
    "loky.backend.resource_tracker",
)
"""Modules with a tracker, which removes what is still there when the last of its users ends."""


def tidy() -> None:
    """Run the exit functions. Threads of the job are not waited for: it is over."""
    _within_step(_end_executors)
    with suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them here
    _within_step(_end_trackers)


def _within_step(function: Callable[[], None]) -> None:
    """Call a function, but go on without it after `STEP_S`."""
    step = threading.Thread(target=function, daemon=True)
    with suppress(RuntimeError):  # there can be no more threads
        step.start()
        step.join(STEP_S)


def _end_executors() -> None:
    """Do what `concurrent.futures` and joblib do before an interpreter waits for its threads."""
    for function in reversed(getattr(threading, "_threading_atexits", ())):
        with suppress(BaseException):
            function()


def _end_trackers() -> None:
    for name in TRACKERS:
        with suppress(BaseException):
            sys.modules[name]._resource_tracker._stop()  # noqa: SLF001
