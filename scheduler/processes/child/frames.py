"""Frames between a node and a pool process: a length (4 bytes, big endian), then JSON in UTF-8.

    node ──▶ {"purpose": …, "task": …, "data": …, "key": …, …}        one job
    node ◀── {"progress": …}, {"notify": …}                           any number, while it runs
    node ◀── {"returned": …} | {"unreturnable": …} | {"raised": …}    exactly one, at its end
    node ──▶ half closed                                              no further job will come

JSON and not pickle: a handler can make its process write anything, and the node only reads text.
Each frame of a job has the key that came with it, which nothing can know before. The node drops
those that have another one: what one job writes does not settle the next.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Final

HEADER: Final = struct.Struct(">I")
RECEIVE_BYTES: Final = 32 * 1024
"""Read at a time: enough for almost every job, and small enough to be allocated fast."""
SLACK_BYTES: Final = 512 * 1024
"""What a frame may hold besides its `data` or `result`: names, a message, a traceback, progress.

A character takes up to 6 bytes of JSON, and is one of 2 * TRACEBACK_MAX + NAME_MAX + MESSAGE_MAX.
"""


def frame(body: bytes) -> bytes:
    """One frame, ready to be sent."""
    return HEADER.pack(len(body)) + body


def receive(connection: socket.socket) -> bytes | None:
    """The next frame's body, blocking; None when the other side has closed.

    All bytes that arrive belong to it: the node sends a job only after the last one's end frame.
    """
    received, size = bytearray(), HEADER.size
    while len(received) < size:
        chunk = connection.recv(RECEIVE_BYTES)
        if not chunk:
            return None
        received += chunk
        if size == HEADER.size <= len(received):
            size += HEADER.unpack_from(received)[0]
    return bytes(received[HEADER.size :])


def is_half_closed(connection: socket.socket) -> bool:
    """Whether the node has closed its end for writing, or died; also where a frame is unread."""
    look = select.poll()
    look.register(connection, select.POLLRDHUP)
    return bool(look.poll(0))
