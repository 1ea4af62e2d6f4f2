"""The node's side of a pool process's socket: frames go out, and come in to whoever listens now.

A protocol and not a pair of streams: a frame that is here is heard at once, with no task to wake
for it. A process that says what nobody listens for has lost the thread, and the channel is closed.
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
        """Give all that comes to a listener; None once nothing more will come."""
        self._listener: Listener | None = listener
        self._frame_bytes_max = frame_bytes_max
        self._received = bytearray()
        self._transport: asyncio.Transport
        self.lost = False
        """Whether nothing more will come: mostly the first that is noticed of a death."""

    def listen(self, listener: Listener | None) -> None:
        """Give all that comes from now on to this listener; None where nothing is to come."""
        self._listener = listener
        if self.lost and listener is not None:
            listener(None)

    def send(self, message: Message) -> None:
        """Send a frame, if there is still somebody to read it."""
        if not self.lost:
            self._transport.write(frame(orjson.dumps(message)))

    def close(self) -> None:
        """Let go of the socket, whatever is under way."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. Who breaks the rules of frames is not listened to any more."""
        self._received += data
        try:
            while not self.lost and (body := self._next()) is not None:
                self._hear(_object(body))
        except ValueError:
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

    def _hear(self, message: Message | None) -> None:
        if self._listener is None:
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
        raise ValueError("a frame that is no object")  # noqa: TRY004 - as for what is no JSON
    return message
