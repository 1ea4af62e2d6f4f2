"""One connection: how long its client may take, and how much it may send ahead.

    head    ─▶ busy ─▶ idle ─▶ head …      head: a request is expected or its header is coming
            ◀──────── closed                busy: it is being handled or answered
                                            idle: answered, and nothing has come since

aiohttp parses and answers. This class only watches: `Server` looks at it once a second, and keeps
the connections of each state in the order in which they came into it.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from scheduler.api.access.addresses import origin_of
from scheduler.api.json_response import COMMON_HEADERS
from scheduler.api.limits.pace import Pace
from scheduler.api.problems import (
    HEADER_TOO_LARGE,
    INTERNAL,
    INVALID,
    TOO_SLOW,
    Kind,
    of_http_error,
    problem,
)

if TYPE_CHECKING:
    import asyncio

    from scheduler.api.limits.handshakes import Handshake
    from scheduler.api.limits.server import Server

HEADER_BYTES_MAX: Final = 32 * 1024
"""The size of a request line and its header fields: as in nginx."""
AHEAD_BYTES_MAX: Final = 64 * 1024
"""What a client may send behind a request that is being handled, before it is read no further."""
OWN_HEADERS: Final = {**COMMON_HEADERS, "Server": "AtlanScheduler"}
"""Of answers outside the application, where aiohttp would name its version and Python's."""
SYSTEM_BUFFER_BYTES: Final = 128 * 1024
"""What the system keeps of a connection in each direction (it doubles the figure). By default it is
several MB, which nobody would count."""
COUNTED_BYTES: Final = 16 * 1024
"""A shorter answer is not counted: the system takes it."""


def body_bytes(answer: web.StreamResponse) -> int:
    """The size of an answer that is written whole; streams hold nothing."""
    body = answer.body if isinstance(answer, web.Response) else None
    return len(body) if isinstance(body, bytes | bytearray) else 0


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = (
        "_ahead",
        "_answered",
        "_current",
        "_flow",
        "_header_bytes",
        "_left_bytes",
        "_server",
        "_socket",
        "is_extra",
        "origin",
        "since",
    )

    def __init__(self, server: Server, **settings: Any) -> None:  # noqa: ANN401 - aiohttp's
        super().__init__(server, **settings)
        self._server = server
        self._socket: asyncio.Transport | Handshake | None = None
        self._ahead = bytearray()
        self._answered = 0
        self._current: web.BaseRequest | None = None
        self._flow: Pace | None = None
        self._left_bytes = 0
        self._header_bytes = 0
        self.is_extra = False
        """Whether it is one of the connections that are kept for aborts."""
        self.origin = ""
        """The address of its client; see `origin_of`."""
        self.since = 0.0
        """When it came into its state, in the loop's time."""

    def accepted(self, handshake: Handshake) -> None:
        """A client has connected, who is to agree on keys before there is a transport."""
        self._socket = handshake
        self.origin = origin_of(handshake)
        self._server.opened(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        is_new, self._socket = self._socket is None, self.transport
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, buffer, SYSTEM_BUFFER_BYTES
            )
        if is_new:
            self.origin = origin_of(transport)
            self._server.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is gone."""
        self._drop_ahead()
        self._server.closed(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came; aiohttp itself calls this without any, to go on with those that it has."""
        if self._is_busy:
            self._receive_while_busy(data)
        elif data:
            self._receive_header(data)
        else:
            super().data_received(data)

    def resume_writing(self) -> None:
        """The client has read nearly all that was written."""
        self._flow = None
        super().resume_writing()

    def began(self, request: web.BaseRequest) -> None:
        """Note the request that is being handled."""
        self._current = request
        if self._ahead and not request.content.is_eof():
            self._receive_ahead()  # a part of its body came while the one before was handled

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Write the answer, and wait until the client has read it."""
        if isinstance(resp, web.HTTPException):
            resp = of_http_error(request, resp)
        size = body_bytes(resp)
        try:
            if size <= COUNTED_BYTES:
                return await super().finish_response(request, resp, start_time)
            with self._server.answering(self, size):
                return await super().finish_response(request, resp, start_time)
        finally:
            self._current = None
            self._answered += 1
            self._go_on()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, and what failed outside the application."""
        if status != 400:
            super().handle_error(request, status, exc, message)  # logs it
        answer = problem(*_fault(status, exc, message), headers=OWN_HEADERS)
        answer.force_close()
        return answer

    def refuse(self, kind: Kind, detail: str) -> None:
        """Answer although there is no request yet, and close."""
        if self.transport is not None:
            self.transport.write(_raw(problem(kind, detail)))
        self.force_close()

    def drop(self) -> None:
        """Close at once, whatever is still to be written."""
        self._server.forget(self)
        if self._socket is not None:
            self._socket.abort()

    def give_up_header(self) -> None:
        """Close because no request came in time; say so if one had begun."""
        if self.transport is None:
            self.drop()
        elif self._header_bytes:
            self.refuse(TOO_SLOW, f"only {self._header_bytes} bytes of the header came")
        else:
            self.force_close()

    def is_stuck(self, now: float, lag_s: float) -> bool:
        """Whether its client does not read what was written."""
        left = self._socket.get_write_buffer_size() if self._socket is not None else 0
        if left == 0:
            self._flow = None
        elif self._flow is None:
            self._flow = Pace(now, lag_s=lag_s)
        else:
            self._flow.lag_s = lag_s
            self._flow.moved(max(0, self._left_bytes - left), now)
        self._left_bytes = left
        return self._flow is not None and now > self._flow.until

    @property
    def _is_busy(self) -> bool:
        """Whether a request has come that is not answered yet. `_request_count` is aiohttp's."""
        return self._request_count > self._answered

    def _receive_header(self, data: bytes) -> None:
        self._server.expects(self)
        super().data_received(data)
        if self._is_busy:
            self._header_bytes = 0
            self._server.busy(self)
            return
        self._header_bytes += len(data)
        if self._header_bytes > HEADER_BYTES_MAX:
            detail = f"the header is longer than {HEADER_BYTES_MAX} bytes"
            self.refuse(HEADER_TOO_LARGE, detail)

    def _receive_while_busy(self, data: bytes) -> None:
        """Bytes of the request's body; or of the next request, which must wait."""
        if not data or self._current is None or not self._current.content.is_eof():
            super().data_received(data)
            return
        self._ahead += data
        if not self._server.hold(len(data)):
            self.drop()
        elif len(self._ahead) > AHEAD_BYTES_MAX and self.transport is not None:
            self.transport.pause_reading()

    def _go_on(self) -> None:
        """The answer is written: look at what came meanwhile."""
        if self.transport is None or self._is_busy:
            return
        self._server.idle(self)
        if self._ahead:
            self._receive_ahead()

    def _receive_ahead(self) -> None:
        ahead = bytes(self._ahead)
        self._drop_ahead()
        if self.transport is not None:
            self.transport.resume_reading()
            self.data_received(ahead)

    def _drop_ahead(self) -> None:
        self._server.hold(-len(self._ahead))
        self._ahead.clear()


def _fault(status: int, exc: BaseException | None, message: str | None) -> tuple[Kind, str]:
    if status != 400:
        return INTERNAL, "an unexpected error; it is in the node's log"
    if isinstance(exc, LineTooLong):
        return HEADER_TOO_LARGE, "the request line or a header field is too long"
    said = (message or "").partition("\n")[0].strip(" :'\"")
    return INVALID, f"this is no HTTP/1.1 request: {said[:200]}"


def _raw(answer: web.Response) -> bytes:
    """A short answer as bytes."""
    body = answer.body
    assert isinstance(body, bytes)  # noqa: S101 - a problem is JSON
    fields = {
        **answer.headers,
        **COMMON_HEADERS,
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{lines}\r\n".encode() + body
