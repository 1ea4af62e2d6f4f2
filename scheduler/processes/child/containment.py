"""Keeps every process that a job starts below its pool process (Linux)."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

PR_SET_CHILD_SUBREAPER: Final = 36
"""prctl(2): orphaned descendants become children of this process, not of init."""
WALL: Final = 0x40000000
"""`__WALL` of waitpid(2): also wait for children whose end sends no SIGCHLD."""


def contain() -> None:
    """Make this process the root of its job's process tree, and the first to be killed for memory.

    A session of its own keeps a terminal's Ctrl-C away; an `oom_score_adj` of 1000 makes the
    kernel take this process, not the node, when memory is short.
    """
    os.setsid()
    adopt_orphans()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def adopt_orphans(*, adopt: bool = True) -> None:
    """Become the parent of every descendant that loses its own, so that none escapes the tree."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, int(adopt), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def has_children() -> bool:
    """Whether a child is alive; zombies are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG | WALL) != (0, 0):
            pass
    except ChildProcessError:
        return False
    return True
