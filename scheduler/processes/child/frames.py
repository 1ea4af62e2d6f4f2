"""Frames between a node and a pool process: a length (4 bytes, big endian), then JSON in UTF-8.

    node ──▶ {"purpose": …, "task": …, "data": …, "key": …, …}        each job of a lot
    node ◀── {"progress": …}, {"notify": …}                           any number, while one runs
    node ◀── {"returned": …} | {"unreturnable": …} | {"raised": …}    at the end of the last one
    node ◀── {"key": lot}, {"key": lot, "idle": true}                 look for ends; it is over
    node ──▶ half closed                                              no further job will come

The ends of the others come by way of a pipe, in frames as well: see `scheduler.processes.lot`.

JSON and not pickle: a handler can make its process write anything, and the node only reads text.
Each frame of a job has the key that came with it, which no job before it knew. The node drops those
that have another one: what one job writes does not settle the next.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Final

HEADER: Final = struct.Struct(">I")
SLACK_BYTES: Final = 512 * 1024
"""What a frame may hold besides its `data` or `result`: names, a message, a traceback, progress.

A character takes up to 6 bytes of JSON, and is one of 2 * TRACEBACK_MAX + NAME_MAX + MESSAGE_MAX.
"""


def frame(body: bytes) -> bytes:
    """One frame, ready to be sent."""
    return HEADER.pack(len(body)) + body


class FrameReader:
    """Receives one frame after the other, blocking.

    With a frame comes the length of the next one, if that is there already: so one call is enough
    for each frame of a lot. The rest stays in the socket, out of the reach of a job.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._header = b""

    def read(self) -> bytes | None:
        """The next frame's body; None when the other side has closed."""
        header = self._header
        if len(header) < HEADER.size:
            header = self._exactly(header, HEADER.size)
        if len(header) < HEADER.size:
            return None
        (size,) = HEADER.unpack(header)
        received = self._connection.recv(size + HEADER.size)
        if len(received) < size:
            received = self._exactly(received, size)
        self._header = received[size:]
        return None if len(received) < size else received[:size]

    def _exactly(self, received: bytes, size: int) -> bytes:
        """What is received, and as much more as makes so many bytes; less when there is no more."""
        while len(received) < size:
            chunk = self._connection.recv(size - len(received))
            if not chunk:
                break
            received += chunk
        return received


def is_half_closed(connection: socket.socket) -> bool:
    """Whether the node has closed its end for writing, or died; also where a frame is unread."""
    look = select.poll()
    look.register(connection, select.POLLRDHUP)
    return bool(look.poll(0))
