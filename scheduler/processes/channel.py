"""The node's side of the socket to a pool process: sends frames, and gives each one to a listener.

A protocol and not a pair of streams: a frame is delivered as soon as it is here, with no task to
wake for it. A frame that comes while nothing listens breaks the protocol: the channel is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import orjson

from scheduler.processes.child.frames import HEADER, frame

Message = Mapping[str, Any]
Listener = Callable[[Message | None], object]


class Channel(asyncio.Protocol):
    """A socket to a pool process."""

    def __init__(self, listener: Listener, *, frame_bytes_max: int) -> None:
        """Call `listener` with each message, and with None once nothing more will come."""
        self._listener: Listener | None = listener
        self._frame_bytes_max = frame_bytes_max
        self._received = bytearray()
        self._transport: asyncio.Transport
        self.lost = False
        """Whether nothing more will come: usually the first sign of the process's death."""
        self.broken = False
        """Whether that is because of a frame that made no sense."""

    def listen(self, listener: Listener | None) -> None:
        """Call this listener from now on; None where no message may come."""
        self._listener = listener
        if self.lost and listener is not None:
            listener(None)

    def send(self, message: Message) -> None:
        """Send a frame; without effect where the channel is lost."""
        if not self.lost:
            self._transport.write(frame(orjson.dumps(message)))

    def close(self) -> None:
        """Close the socket at once, even amid a frame."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. A broken frame closes the channel."""
        self._received += data
        try:
            while not self.lost and (body := self._next()) is not None:
                self._deliver(_object(body))
        except ValueError:
            self.broken = True
            self._lose()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._lose()

    def connection_lost(self, _error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lose()

    def _next(self) -> bytes | None:
        """The body of the next frame, once all of it is here."""
        received = self._received
        if len(received) < HEADER.size:
            return None
        (size,) = HEADER.unpack_from(received)
        if size > self._frame_bytes_max:
            raise ValueError(f"a frame of {size} bytes")
        end = HEADER.size + size
        if len(received) < end:
            return None
        body = bytes(received[HEADER.size : end])
        del received[:end]
        return body

    def _deliver(self, message: Message) -> None:
        if self._listener is None:
            self.broken = True
            self._lose()
        else:
            self._listener(message)

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._transport.abort()
            if self._listener is not None:
                self._listener(None)


def _object(body: bytes) -> Message:
    message = orjson.loads(body)
    if not isinstance(message, dict):
        raise ValueError("a frame that is no object")  # noqa: TRY004 - the same error as for invalid JSON
    return message
