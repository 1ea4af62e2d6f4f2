"""Connections to whichever of several PostgreSQL servers is the primary.

    postgresql://user@db1:5432,db2:5432/name      a primary and its standbys, in any order

The driver asks one after the other, and waits for a machine that is gone until all of its time is
over. Here each one has a share of the time, and the one that served last is asked first. Once
another one serves, the connections to the last one are dropped, with the statements that still wait
for an answer from there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakSet

import asyncpg

CONNECT_S: Final = 5.0
"""Timeout for a connection, a new one or one that others use."""
_NEXT: Final = (
    OSError,
    TimeoutError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""Of a server that is away, starts, or is a standby."""


class Hosts:
    """The servers that a URL names."""

    def __init__(self, url: str) -> None:
        self._urls = _one_by_one(url)
        self._share_s = CONNECT_S / (2 * len(self._urls) - 1)
        """So that a renewal of the lease, which waits less than `CONNECT_S`, gets to the second."""
        self._open = WeakSet[asyncpg.Connection]()
        """The connections to the first."""
        self._options = {} if _says_which(url) else {"target_session_attrs": "read-write"}

    async def connect(self, _url: str, **options: Any) -> asyncpg.Connection:  # noqa: ANN401
        """Connect to the first server that is suited.

        Raises:
            Exception: what the last one raised.
        """
        if len(self._urls) == 1:
            return await asyncpg.connect(*self._urls, **options)
        options |= {"timeout": self._share_s, **self._options}
        for url in self._urls[:-1]:
            try:
                return await self._connect(url, options)
            except _NEXT:
                continue
        return await self._connect(self._urls[-1], options)

    async def _connect(self, url: str, options: dict[str, Any]) -> asyncpg.Connection:
        connection = await asyncpg.connect(url, **options)
        if url != self._urls[0]:
            for old in self._open:
                old.terminate()
            self._open.clear()
            self._urls = sorted(self._urls, key=lambda each: each != url)
        self._open.add(connection)
        return connection


def _one_by_one(url: str) -> Sequence[str]:
    """A URL for each host."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


def _says_which(url: str) -> bool:
    """Whether the operator says himself which servers are suited."""
    return "target_session_attrs" in url or "PGTARGETSESSIONATTRS" in os.environ
