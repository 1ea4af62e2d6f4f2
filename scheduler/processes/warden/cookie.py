"""Finds the processes of a node by its cookies: environment variables that they all inherit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import filterfalse
from pathlib import Path
from typing import Final

from scheduler.processes import tree

NODE: Final = "ATLANSCHEDULER_NODE"
"""Name of the variable with the node's id."""
DATA_DIR: Final = "ATLANSCHEDULER_DATA_DIR"
"""Name of the variable with the data_dir, which only one node at a time uses."""
SCRATCH: Final = "ATLANSCHEDULER_SCRATCH"
"""Name of the variable with the folder of the fork server's socket; a killed node leaves it."""
LOOK_AGAIN_S: Final = 0.005
ROUNDS_MAX: Final = 2000
"""How often to look for processes that appear while others are ended."""


def end_jobs(node_id: str, node: int) -> None:
    """End everything below the node's children: pool processes, and what they started."""
    for process in _with_cookie(NODE, node_id):
        found = tree.stat(process.pid)
        if found is not None and found.parent == node:
            tree.end_all_below(process)


def end_all(cookie: str, value: str) -> frozenset[tree.Process]:
    """End every process that has this cookie with this value, resource trackers last; which."""
    ended = _kill_all(cookie, value, but=tree.is_tracker)
    trackers = tree.end_trackers(_with_cookie(cookie, value))
    return ended | trackers.met | _kill_all(cookie, value)


def _kill_all(
    cookie: str, value: str, *, but: Callable[[tree.Process], bool] = lambda _: False
) -> frozenset[tree.Process]:
    """Kill until there is no such process, except those of which `but` is true; which."""
    killed: frozenset[tree.Process] = frozenset()
    for _ in range(ROUNDS_MAX):
        process = None
        for process in filterfalse(but, _with_cookie(cookie, value)):
            # Not waiting for the process itself: init reaps it, at any time.
            killed |= tree.end_all_below(process).met | tree.kill(process).met
        if process is None:
            break
        time.sleep(LOOK_AGAIN_S)
    return killed


def _with_cookie(cookie: str, value: str) -> Iterator[tree.Process]:
    """The living processes that have this cookie, except this one and its ancestors.

    The oldest first, and one at a time: that is the fork server, which is above everything that
    jobs started. Looking at all of them would take long: reading waits while a process forks.
    """
    mark = os.fsencode(f"{cookie}={value}")
    own = set(tree.ancestry(os.getpid()))
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    table = [found.process for pid in pids if (found := tree.stat(pid)) and pid not in own]
    for process in sorted(table, key=lambda each: each.started):
        with suppress(OSError):
            environment = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            if mark in environment and tree.is_there(process):
                yield process
