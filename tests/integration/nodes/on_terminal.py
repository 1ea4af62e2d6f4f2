"""A node whose standard error is a terminal; what it writes there is copied to its log."""

from __future__ import annotations

import os
import pty
import sys
from contextlib import suppress
from pathlib import Path

PIECE_BYTES = 65_536


def copy(terminal: int) -> None:
    """Copy until nobody has the terminal open any more."""
    with suppress(OSError):
        while piece := os.read(terminal, PIECE_BYTES):
            os.write(2, piece)


if __name__ == "__main__":
    ours, its = pty.openpty()
    if os.fork() == 0:
        os.close(its)
        if os.fork() == 0:  # a child of nobody: the node is to know only its own
            os.setsid()
            copy(ours)
        os._exit(0)
    os.wait()
    os.close(ours)
    os.dup2(its, 2)
    os.close(its)
    program = str(Path(__file__).parents[3] / "main.py")
    os.execv(sys.executable, [sys.executable, "-W", "error", program])  # noqa: S606
