"""HTTP by the standard library: one kept connection for calls, and one for each stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, NamedTuple

from scheduler.client.address import address
from scheduler.client.calls import Request
from scheduler.client.lines import LineSplitter
from scheduler.client.problems import Lost, Unreachable
from scheduler.client.responses import Response, raise_for_problem

PIECE_BYTES: Final = 65_536


class LineStream(NamedTuple):
    """A response that is read line by line as it arrives."""

    status: int
    lines: Iterator[str]


class Connection:
    """Sends requests to one node, one at a time."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        self._url = url
        self._address = address(url)
        self._timeout_s = timeout_s
        self._headers = headers
        self._kept: HTTPConnection | None = None

    def ask(self, request: Request) -> Response:
        """Send a request, and read the whole response.

        Raises:
            Unreachable: there was no response.
        """
        try:
            if self._kept is not None:
                with suppress(ConnectionError):  # the node closed it while it was idle
                    return self._exchange(request)
            return self._exchange(request)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    @contextmanager
    def stream(self, request: Request) -> Iterator[LineStream]:
        """Send a request on a connection of its own, and read the response line by line.

        Raises:
            Unreachable: there was no response.
            Problem: the node refuses the request.
        """
        connection = self._connect(self._timeout(request))
        try:
            response = self._open(connection, request)
            yield LineStream(response.status, _lines(response))
        finally:
            connection.close()

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _exchange(self, request: Request) -> Response:
        timeout_s = self._timeout(request)
        connection = self._kept = self._kept or self._connect(timeout_s)
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        try:
            return _read(self._send(connection, request))
        except BaseException:  # also Ctrl-C: the next call must not read the rest of this response
            self.close()
            raise

    def _open(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        try:
            response = self._send(connection, request)
            if response.status >= 300:
                raise_for_problem(_read(response))
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        return response

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

    def _connect(self, timeout_s: float | None) -> HTTPConnection:
        node = self._address
        kind = HTTPSConnection if node.scheme == "https" else HTTPConnection
        return kind(node.host, node.port, timeout=timeout_s)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"no node answers at {self._url}: {_reason(error)}")


def _read(response: HTTPResponse) -> Response:
    return Response(response.status, response.getheader("Link"), response.read())


def _lines(response: HTTPResponse) -> Iterator[str]:
    """The lines as they arrive, by `read1`: `readline` takes a broken stream for a complete one."""
    splitter = LineSplitter()
    try:
        while piece := response.read1(PIECE_BYTES):
            yield from splitter.feed(piece)
    except (OSError, HTTPException) as error:
        raise Lost(f"the stream broke: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it is silent"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
