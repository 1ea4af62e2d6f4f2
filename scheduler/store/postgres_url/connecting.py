"""Connects to the first of several hosts that serves, as libpq does.

    postgresql://user@db1:5432,db2:5432/name      a primary and its standbys, in any order

asyncpg has one timeout for all of them: of a host that is switched off, none would be left for the
next. So each host has a share of the time, and the one that served last is asked first. Once
another one serves, the connections to the last one are dropped, with the statements that still wait
for an answer from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final
from weakref import WeakSet

import asyncpg

from scheduler.store.postgres_url.address import Address
from scheduler.store.postgres_url.splitting import Host

_NEXT: Final = (
    OSError,
    TimeoutError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresConnectionError,
)
"""Of a host that does not serve, or that must not be written to; a wrong password is not of these,
since it is as wrong on the next."""
_random: Final = Random()  # noqa: S311 - spreads connections, protects no secrets


class Connector:
    """Connects the pools of a node."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._hosts = [*address.hosts]
        # So that a renewal of the lease, which waits for less than `connect_s`, gets to the second.
        self._share_s = address.connect_s / max(1, 2 * len(self._hosts) - 1)
        self._open = WeakSet[asyncpg.Connection]()
        """The connections to the first host."""

    async def connect(self, _url: None, **options: Any) -> asyncpg.Connection:  # noqa: ANN401
        """Connect to the first host that serves.

        It is for a pool, which passes a URL that it was not given, and options of its own.

        Raises:
            ConnectionError: none of several serves.
        """
        if len(self._hosts) < 2:
            return await self._connected(self._hosts, options)
        failures = []
        for host in self._in_turn():
            try:
                connection = await self._connected([host], options)
            except _NEXT as error:
                failures.append(f"{host}: {str(error) or type(error).__name__}")
            else:
                self._serves(host, connection)
                return connection
        raise ConnectionError("; ".join(failures))

    def _in_turn(self) -> Sequence[Host]:
        hosts = self._hosts
        return _random.sample(hosts, len(hosts)) if self.address.shuffled else tuple(hosts)

    def _serves(self, host: Host, connection: asyncpg.Connection) -> None:
        """Ask this host first from now on; where they are shuffled, each of them serves."""
        if self.address.shuffled:
            return
        if host != self._hosts[0]:
            for old in self._open:
                old.terminate()
            self._open.clear()
            self._hosts.sort(key=lambda each: each != host)
        self._open.add(connection)

    async def _connected(
        self, hosts: Sequence[Host], options: dict[str, Any]
    ) -> asyncpg.Connection:
        address = self.address
        place = {"host": hosts[0].name or None, "port": hosts[0].port} if hosts else {}
        return await asyncpg.connect(
            timeout=self._share_s, **address.arguments, **_secured(address), **place, **options
        )


def _secured(address: Address) -> Mapping[str, Any]:
    try:
        return address.secured().arguments
    except ValueError as error:  # a file that is just being replaced
        raise ConnectionError(str(error)) from None
