"""The warden: a tiny process that outlives its node, to end what the node can no longer end.

    node ──pipe──▶ warden     an instant of the monotonic clock: up to then jobs may run here
                              (nothing by then)  end all jobs; the node is stopped or starved
                              FAREWELL           the node is done: end what jobs left, and go
                              end of file        the node died: end all that it started, and go

What belongs to a node is known by its cookie, an environment variable that every process inherits.
The fork server outlives a killed node as long as its children do, so no parent-death signal helps.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scheduler import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

COOKIE: Final = "ATLANSCHEDULER_NODE"
"""Environment variable: `DATA_DIR NODE_ID` of the node that a process belongs to."""
MESSAGE: Final = struct.Struct("d")
FAREWELL: Final = -1.0
ROUNDS_MAX: Final = 200
"""How often to look for processes that appear while others are ended."""


def main() -> None:
    """Guard the node that started this process, which holds the other end of standard input."""
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, signal.SIG_IGN)  # it goes when its node is gone, not before
    node, cookie = os.getppid(), os.environ[COOKIE]
    deadline: float | None = None
    while (message := _next_message(deadline)) != FAREWELL:
        if message is None:
            end_all(cookie)
            return
        if message == deadline:
            end_jobs(cookie, node)
            deadline = None
        else:
            deadline = message
    end_jobs(cookie, node)


def _next_message(deadline: float | None) -> float | None:
    """The latest message; the deadline itself once it has passed; None at the end of file."""
    patience = None if deadline is None else max(0.0, deadline - time.monotonic())
    if not select.select([0], [], [], patience)[0]:
        return deadline
    messages = os.read(0, MESSAGE.size * 512)
    if not messages:
        return None
    (latest,) = MESSAGE.unpack(messages[-MESSAGE.size :])
    return float(latest)


def end_jobs(cookie: str, node: int) -> None:
    """End everything below the node's own children: pool processes, and what came from them."""
    for process in list(_bearers(cookie)):
        found = tree.stat(process.pid)
        if found is not None and found.parent == node:
            tree.end_below(process)


def end_all(cookie: str) -> None:
    """End everything that bears a cookie which begins like this, until nothing does."""
    for _ in range(ROUNDS_MAX):
        bearers = list(_bearers(cookie))
        if not bearers:
            return
        for process in bearers:
            tree.end(process)


def _bearers(cookie: str) -> Iterator[tree.Process]:
    """The living processes whose cookie begins like this, but for this one and its ancestors."""
    mark = f"{COOKIE}={cookie}".encode()
    own = set(_ancestry(os.getpid()))
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in own:
            continue
        with suppress(OSError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            found = tree.stat(int(entry.name))
            if any(each.startswith(mark) for each in environment) and found is not None:
                yield found.process


def _ancestry(pid: int) -> Iterator[int]:
    while pid > 0 and (found := tree.stat(pid)) is not None:
        yield pid
        pid = found.parent


if __name__ == "__main__":
    sys.exit(main())
