"""HTTP over the standard library: one kept connection, and one for each stream."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Final, NamedTuple

from scheduler.client.address import address
from scheduler.client.answers import Answer, require_done
from scheduler.client.calls import Request
from scheduler.client.lines import Lines
from scheduler.client.problems import Lost, Unreachable

PIECE_BYTES: Final = 65_536


class Stream(NamedTuple):
    """An answer that is read as it comes."""

    status: int
    lines: Iterator[str]


class Connection:
    """Speaks HTTP with one node."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        self._url = url
        self._address = address(url)
        self._timeout_s = timeout_s
        self._headers = headers
        self._kept: HTTPConnection | None = None

    def ask(self, request: Request) -> Answer:
        """Send a request, and read its answer whole.

        Raises:
            Unreachable: none came.
        """
        try:
            if self._kept is not None:
                with suppress(ConnectionError):  # the node closed it while nobody asked anything
                    return self._exchange(request)
            return self._exchange(request)
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    @contextmanager
    def stream(self, request: Request) -> Iterator[Stream]:
        """Send a request on a connection of its own, and read its answer line by line.

        Raises:
            Unreachable: none came.
            Problem: the node will not do it.
        """
        connection = self._new(self._timeout(request))
        try:
            response = self._begun(connection, request)
            yield Stream(response.status, _lines(response))
        finally:
            connection.close()

    def close(self) -> None:
        """Close the kept connection."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _exchange(self, request: Request) -> Answer:
        timeout_s = self._timeout(request)
        connection = self._kept = self._kept or self._new(timeout_s)
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        try:
            return _whole(self._sent(connection, request))
        except BaseException:  # Ctrl-C as well: the rest of this answer must not begin the next one
            self.close()
            raise

    def _begun(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        try:
            response = self._sent(connection, request)
            if response.status >= 300:
                require_done(_whole(response))
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error
        return response

    def _sent(self, connection: HTTPConnection, request: Request) -> HTTPResponse:
        connection.request(
            request.method,
            self._address.prefix + request.path,
            body=request.body,
            headers={**self._headers, **request.headers},
        )
        return connection.getresponse()

    def _timeout(self, request: Request) -> float | None:
        """How long the node may say nothing; None for as long as it likes."""
        timeout_s = self._timeout_s + request.wait_s
        return timeout_s if math.isfinite(timeout_s) else None

    def _new(self, timeout_s: float | None) -> HTTPConnection:
        to = self._address
        kind = HTTPSConnection if to.scheme == "https" else HTTPConnection
        return kind(to.host, to.port, timeout=timeout_s)

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"no node answers at {self._url}: {_reason(error)}")


def _whole(response: HTTPResponse) -> Answer:
    return Answer(response.status, response.getheader("Link"), response.read())


def _lines(response: HTTPResponse) -> Iterator[str]:
    """The lines as they come; `read1`, because `readline` takes a broken stream for its end."""
    lines = Lines()
    try:
        while piece := response.read1(PIECE_BYTES):
            yield from lines.feed(piece)
    except (OSError, HTTPException) as error:
        raise Lost(f"the stream broke: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it is silent"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
