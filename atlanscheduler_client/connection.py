"""HTTP by the standard library: a connection for each call, kept for the next, or for a stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from errno import EBADF
from http.client import HTTPConnection, HTTPException, HTTPResponse
from ssl import SSLCertVerificationError
from typing import Final, NamedTuple

from atlanscheduler_client.address import address
from atlanscheduler_client.calls import Request
from atlanscheduler_client.idle import IdleConnections, connection_to
from atlanscheduler_client.lines import LineSplitter
from atlanscheduler_client.problems import Lost, Unreachable, untrusted
from atlanscheduler_client.responses import Response, require_stream

PIECE_BYTES: Final = 65_536


class LineStream(NamedTuple):
    """A response that is read line by line as it arrives."""

    response: Response
    lines: Iterator[str]


class Connections:
    """Sends requests to one node, for many threads: each call has a connection to itself."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        self._url = url
        self._address = address(url)
        self._timeout_s = timeout_s
        self._headers = headers
        self._idle = IdleConnections()

    def ask(self, request: Request) -> Response:
        """Send a request, and read the whole response.

        Raises:
            Unreachable: there was no response.
        """
        era = self._idle.era
        try:
            if (kept := self._idle.take()) is not None:
                with suppress(ConnectionError):  # the node closed it just now: it was idle too long
                    return self._exchange(kept, request, era)
            return self._exchange(self._connect(request), request, era)
        except (OSError, HTTPException) as error:
            self._idle.close()  # what broke one may have broken all; a retry is to have a new one
            raise self._unreachable(error) from error

    @contextmanager
    def stream(self, request: Request) -> Iterator[LineStream]:
        """Send a request on a connection of its own, and read the response line by line.

        Raises:
            Unreachable: there was no response.
            Problem: the node refuses the request.
        """
        connection = self._connect(request)
        try:
            with self._open(connection, request) as response:
                yield LineStream(self._head(response), _lines(response))
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connections that are idle, and those in use at the end of their call."""
        self._idle.close()

    def _exchange(self, connection: HTTPConnection, request: Request, era: int) -> Response:
        try:
            _allow(connection, self._timeout(request))
            response = self._read(self._send(connection, request))
        except BaseException:  # also Ctrl-C: the next call must not read the rest of this response
            connection.close()
            raise
        if connection.sock is None or response.status < 200:  # closed by it, or the real one comes
            connection.close()
        else:
            self._idle.put(connection, era)
        return response

    def _open(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        try:
            response = self._send(connection, request)
            failed = response.status >= 300
            require_stream(self._read(response) if failed else self._head(response), request.media)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        return response

    def _head(self, response: HTTPResponse) -> Response:
        return Response(self._url, response.status, response.headers)

    def _read(self, response: HTTPResponse) -> Response:
        with response:
            return replace(self._head(response), body=response.read())

    def _send(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        connection.request(
            request.method,
            self._address.prefix + request.path,
            body=request.body,
            headers={**self._headers, **request.headers},
        )
        return connection.getresponse()

    def _timeout(self, request: Request) -> float | None:
        """How long the node may be silent; None for no limit."""
        timeout_s = self._timeout_s + request.wait_s
        return timeout_s if math.isfinite(timeout_s) else None

    def _connect(self, request: Request) -> HTTPConnection:
        return connection_to(self._address, timeout_s=self._timeout(request))

    def _unreachable(self, error: Exception) -> Unreachable:
        if isinstance(error, SSLCertVerificationError):
            return untrusted(self._url, error)
        return Unreachable(f"no node answers at {self._url}: {_reason(error)}")


def _allow(connection: HTTPConnection, timeout_s: float | None) -> None:
    """Set how long the node may be silent, also if the connection is open already."""
    connection.timeout = timeout_s
    if connection.sock is not None:
        connection.sock.settimeout(timeout_s)


def _lines(response: HTTPResponse) -> Iterator[str]:
    """The lines as they arrive, by `read1`: `readline` takes a broken stream for a complete one."""
    splitter = LineSplitter()
    try:
        while piece := response.read1(PIECE_BYTES):
            yield from splitter.feed(piece)
    except (OSError, HTTPException) as error:
        raise Lost(f"the stream broke: {_reason(error)}") from error
    if response.length:  # `read1` takes an early end of a body with a `Content-Length` for its end
        raise Lost(f"the stream broke: {response.length} bytes are missing")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it is silent"
    if isinstance(error, OSError) and error.errno == EBADF:
        return "it was opened before a fork"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
