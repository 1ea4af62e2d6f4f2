"""The job of the start benchmark, the same for every peer: say how long ago it was sent.

    submit(sent_at) ──▶ the peer's queue ──▶ stamp(sent_at) ──a datagram──▶ who submitted

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

PLACE: Final = "BENCH_STAMPS"
"""In the environment: the path of the socket that is told."""
NUMBER: Final = struct.Struct("d")
BEGIN_S: Final = 60.0
"""How long a job may take to begin: the first one waits for the peer's worker to start."""
WARM: Final = 20
"""Jobs that are not counted: the first ones open connections and fill caches."""
PAUSE_S: Final = 0.01
"""Between two jobs: until whoever ran the last one waits for the next."""


def stamp(sent_at: float) -> None:
    """Say that it runs."""
    waited_s = time.monotonic() - sent_at
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(NUMBER.pack(waited_s), os.environ[PLACE])


@contextmanager
def listening() -> Iterator[socket.socket]:
    """The socket that is told."""
    place = Path(os.environ[PLACE])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(place))
        receiver.settimeout(BEGIN_S)
        yield receiver
    place.unlink()


def waited_s(receiver: socket.socket) -> float:
    """How long the job that begins next has waited."""
    (found,) = NUMBER.unpack(receiver.recv(NUMBER.size))
    return float(found)
