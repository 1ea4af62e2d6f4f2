"""Frees what a job left in cycles and frames: files with locks, transactions, memory.

An exception has the frames that it passed, and these have the job's variables. What is part of a
cycle is freed only by the collector, which may not run for hours in an idle process.
"""

from __future__ import annotations

import gc
import select
import socket
import time
import traceback
from typing import Final

COSTLY_S: Final = 0.001
"""A collection that takes longer is put off until no job waits. It takes as long as there are
objects that handlers keep: what was there before the first job is frozen, and costs nothing."""
IDLE_S: Final = 0.005
"""How long no job must come before a costly collection."""


class Garbage:
    """Collects what jobs leave behind."""

    def __init__(self) -> None:
        gc.collect()
        gc.freeze()
        self._took_s = 0.0
        self._due = False

    def collect(self) -> None:
        """Collect at once, only the young objects where that takes long."""
        if self._took_s > COSTLY_S:
            gc.collect(1)
            self._due = True
        else:
            self._collect_all()

    def when_idle(self, connection: socket.socket) -> None:
        """Collect what is left, unless a job comes through `connection` first."""
        if self._due and not select.select([connection], [], [], IDLE_S)[0]:
            self._collect_all()
            self._due = False

    def _collect_all(self) -> None:
        began = time.perf_counter()
        gc.collect()
        self._took_s = time.perf_counter() - began


def clear_frames(error: BaseException) -> None:
    """Clear the variables of all frames that an error passed, and those of its causes."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        traceback.clear_frames(each.__traceback__)
        related = (each.__cause__, each.__context__, *getattr(each, "exceptions", ()))
        waiting += [other for other in related if isinstance(other, BaseException)]
