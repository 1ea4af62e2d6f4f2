"""The job of the peers whose start is measured: it reports how long ago it was submitted.

    submit(sent_at) ──▶ the peer's queue ──▶ report_delay(sent_at) ──a datagram──▶ the submitter

All processes of a machine share the monotonic clock. Standard library only.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET: Final = "BENCH_DELAYS"
"""The environment variable for the path of the socket that receives the reports."""
DELAY: Final = struct.Struct("d")
START_S: Final = 60.0
"""How long a job may take to start: the first one waits for the peer's worker to start."""
WARM_JOBS: Final = 20
"""Jobs before the first sample: they open connections and fill caches."""
PAUSE_S: Final = 0.01
"""The pause between two jobs, until the worker that ran the last one waits for the next."""


def report_delay(sent_at: float) -> None:
    """Report how long this job waited for its start, in seconds."""
    waited_s = time.monotonic() - sent_at
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(DELAY.pack(waited_s), os.environ[SOCKET])


@contextmanager
def receiving() -> Iterator[socket.socket]:
    """The socket that receives the reports, while the block runs."""
    path = Path(os.environ[SOCKET])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(path))
        receiver.settimeout(START_S)
        yield receiver
    path.unlink()


def receive_delay_s(receiver: socket.socket) -> float:
    """Wait for the next report: how long that job waited for its start, in seconds."""
    (delay_s,) = DELAY.unpack(receiver.recv(DELAY.size))
    return float(delay_s)
