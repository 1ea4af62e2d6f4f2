"""What belongs to a node, known by its cookies: environment variables that all of it inherits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from scheduler.processes import tree

NODE: Final = "ATLANSCHEDULER_NODE"
"""Name of the variable with the node's id."""
DATA_DIR: Final = "ATLANSCHEDULER_DATA_DIR"
"""Name of the variable with the folder that one node at a time has."""
SCRATCH: Final = "ATLANSCHEDULER_SCRATCH"
"""Name of a variable with the folder of the fork server's socket, which a killed node leaves."""
LOOK_AGAIN_S: Final = 0.005
ROUNDS_MAX: Final = 2000
"""How often to look for processes that appear while others are ended."""


def end_jobs(node_id: str, node: int) -> None:
    """End everything below the node's own children: pool processes, and what came from them."""
    for process in _bearers(NODE, node_id):
        found = tree.stat(process.pid)
        if found is not None and found.parent == node:
            tree.end_below(process)


def end_all(cookie: str, value: str) -> None:
    """End everything that bears this cookie with this value, until nothing does."""
    for _ in range(ROUNDS_MAX):
        process = None
        for process in _bearers(cookie, value):
            tree.kill(process)  # not waiting: their parent is init now, which reaps when it likes
        if process is None:
            return
        time.sleep(LOOK_AGAIN_S)


def _bearers(cookie: str, value: str) -> Iterator[tree.Process]:
    """The living processes that bear this cookie, but for this one and its ancestors.

    The oldest first, and one at a time: that is the fork server, on which hangs whatever jobs
    started. To look at them would take long: the kernel has us wait while a process forks.
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
