"""The warden's process: waits for messages on standard input, and acts when they stay away.

It repeats each deadline that it takes on standard output: then it has ended what it ended before.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import struct
import time
from contextlib import suppress
from typing import Final

from scheduler.processes import shared_memory
from scheduler.processes.warden.cookie import NODE, SCRATCH, end_all, end_jobs

MESSAGE: Final = struct.Struct("d")
"""A deadline, as an instant of the monotonic clock, or `SHUTDOWN`."""
SHUTDOWN: Final = -1.0
"""Sent instead of a deadline when the node is done."""


def main() -> None:
    """Watch the node that started this process and writes to its standard input."""
    for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_, signal.SIG_IGN)  # it must outlive its node
    node, node_id = os.getppid(), os.environ[NODE]
    os.set_blocking(1, False)
    before = shared_memory.entries()
    deadline: float | None = None
    while (message := _next_message(deadline)) != SHUTDOWN:
        if message is None:
            ended = end_all(NODE, node_id)
            shared_memory.remove([shared_memory.Left(before=before, used=(), dead=ended)])
            shutil.rmtree(os.environ[SCRATCH], ignore_errors=True)
            return
        if message == deadline:
            end_jobs(node_id, node)
            deadline = None
        else:
            deadline = message
            with suppress(BlockingIOError):  # nobody waits for more answers than a pipe holds
                os.write(1, MESSAGE.pack(deadline))
    end_jobs(node_id, node)


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


if __name__ == "__main__":
    main()
