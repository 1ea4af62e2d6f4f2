"""The end of a pool process in which jobs ran: what an interpreter does when it exits.

Libraries rely on it: joblib removes its folder, multiprocessing its semaphores and shared memory. A
process that is killed does not get there, and one that hangs here is killed by its node.
"""

from __future__ import annotations

import atexit
import sys
import threading
from contextlib import suppress
from typing import Final

TRACKERS: Final = (
    "multiprocessing.resource_tracker",
    "joblib.externals.loky.backend.resource_tracker",
    "loky.backend.resource_tracker",
)
"""Modules with a tracker, which removes what is still there when the last of its users ends."""


def tidy() -> None:
    """Run the exit functions, then let the resource trackers do their work and end.

    Threads are not waited for: they may run for ever, and the job is over.
    """
    with suppress(BaseException):
        for function in reversed(getattr(threading, "_threading_atexits", ())):
            function()
    with suppress(BaseException):
        atexit._run_exitfuncs()  # noqa: SLF001 - there is no other way to run them here
    for name in TRACKERS:
        with suppress(BaseException):
            sys.modules[name]._resource_tracker._stop()  # noqa: SLF001
