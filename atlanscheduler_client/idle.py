"""Connections of `Client`, and those that are idle between two calls.

A connection is here, or in the hands of one call. There is no lock: each step is one operation of a
deque, which is atomic, so that no thread waits for another one, and a fork finds no lock held.
"""

from __future__ import annotations

import select
from collections import deque
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from ssl import SSLSocket
from typing import Final

from atlanscheduler_client.address import Address
from atlanscheduler_client.forks import keep_from_children

IDLE_MAX: Final = 32
"""How many idle connections are kept; as many as a program has threads, if it has many."""


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        keep_from_children(self.sock)


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        keep_from_children(self.sock)


def connection_to(node: Address, *, timeout_s: float | None) -> HTTPConnection:
    """A connection that opens with its first request, and is not for forked processes."""
    kind = _Secure if node.scheme == "https" else _Plain
    return kind(node.host, node.port, timeout=timeout_s)


class IdleConnections:
    """Keeps connections whose last response was read to its end."""

    def __init__(self) -> None:
        self.era = 0
        """Changes with each `close`: what a call took before must not come back after."""
        self._idle: deque[HTTPConnection] = deque()

    def take(self) -> HTTPConnection | None:
        """Take out the connection that was put here last, if there is one that works."""
        with suppress(IndexError):  # there is none, or another thread was faster
            while True:
                connection = self._idle.pop()
                if _is_quiet(connection):
                    return connection
                connection.close()
        return None

    def put(self, connection: HTTPConnection, era: int) -> None:
        """Keep a connection that was taken or opened in this era; the oldest make room for it."""
        self._idle.append(connection)
        # The era is looked at last: a `close` before the line above is seen now, one after it has
        # found the connection.
        self._close_all_but(IDLE_MAX if era == self.era else 0)

    def close(self) -> None:
        """Close all, now, and those in use as soon as they would be put here."""
        self.era += 1
        self._close_all_but(0)

    def _close_all_but(self, newest: int) -> None:
        with suppress(IndexError):  # another thread does the same
            while len(self._idle) > newest:
                self._idle.popleft().close()


def _is_quiet(connection: HTTPConnection) -> bool:
    """Whether there is nothing to read: the node did not close it, nor say what nobody asked for.

    False too in a forked process, for a connection that it inherited.
    """
    sock = connection.sock
    if sock is None or sock.fileno() < 0 or (isinstance(sock, SSLSocket) and sock.pending()):
        return False
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)
