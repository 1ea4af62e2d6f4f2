"""The node's side of the socket to a pool process: sends frames, and gives each one to a listener.

A protocol and not a pair of streams: a frame is delivered as soon as it is here, with no task to
wake for it. A frame that comes while nothing listens breaks the protocol: the channel is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
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
        self._frames = Frames(frame_bytes_max)
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

    def send(self, *messages: Message) -> None:
        """Send a frame for each; without effect where the channel is lost."""
        if not self.lost:
            self._transport.write(b"".join(frame(orjson.dumps(each)) for each in messages))

    def close(self) -> None:
        """Close the socket at once, even amid a frame."""
        self._transport.abort()

    def fail(self) -> None:
        """Close it, because the process does not keep to the protocol."""
        if not self.lost:
            self.broken = True
            self._lose()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        try:
            for message in self._frames.of(data):
                self._deliver(message)
                if self.lost:
                    break
        except ValueError:
            self.fail()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._lose()

    def connection_lost(self, _error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lose()

    def _deliver(self, message: Message) -> None:
        if self._listener is None:
            self.fail()
        else:
            self._listener(message)

    def _lose(self) -> None:
        if not self.lost:
            self.lost = True
            self._transport.abort()
            if self._listener is not None:
                self._listener(None)


class Frames:
    """Cuts bytes into frames."""

    def __init__(self, bytes_max: int) -> None:
        """Refuse a frame of more than `bytes_max`."""
        self._bytes_max = bytes_max
        self._received = bytearray()

    def of(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole now that these bytes came, too.

        Raises:
            ValueError: they are no frames.
        """
        self._received += data
        while (body := self._next()) is not None:
            message = orjson.loads(body)
            if not isinstance(message, dict):
                raise ValueError("a frame that is no object")  # noqa: TRY004 - as for invalid JSON
            yield message

    def _next(self) -> bytes | None:
        """The body of the next frame, once all of it is here."""
        received = self._received
        if len(received) < HEADER.size:
            return None
        (size,) = HEADER.unpack_from(received)
        if size > self._bytes_max:
            raise ValueError(f"a frame of {size} bytes")
        end = HEADER.size + size
        if len(received) < end:
            return None
        body = bytes(received[HEADER.size : end])
        del received[:end]
        return body
