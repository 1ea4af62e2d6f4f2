"""Connects to the first of several hosts that serves, as libpq does.

asyncpg has one timeout for all of them: of a host that is switched off, none would be left for the
next. So each host has a part of the time for itself.

Whatever a server answers to a connection is no defect of ours, so a node that runs waits for a
better answer. It becomes a `ConnectionError`; its cause tells at a start what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

import asyncpg

from scheduler.store.postgres_errors import UNAVAILABLE
from scheduler.store.postgres_url.address import Address
from scheduler.store.postgres_url.splitting import Host

_NEXT: Final = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
)
"""Of a host that does not serve, or that must not be written to; a wrong password is not of these,
since it is as wrong on the next."""
_random: Final = Random()  # noqa: S311 - spreads connections, protects no secrets


async def connect(address: Address, _url: None, **options: Any) -> asyncpg.Connection:  # noqa: ANN401
    """Connect to the first host of an address that serves.

    It is for a pool, which passes a URL that it was not given, and options of its own.
    """
    if len(address.hosts) < 2:
        return await _one(address, [*address.hosts], address.connect_s, options)
    failures, cause = [], None
    for host in _in_turn(address):
        try:
            return await _one(address, [host], address.connect_s / len(address.hosts), options)
        except _NEXT as error:
            failures.append(f"{host}: {str(error) or type(error).__name__}")
            cause = error.__cause__
    raise ConnectionError("; ".join(failures)) from cause


async def _one(
    address: Address, hosts: Sequence[Host], timeout_s: float, options: dict[str, Any]
) -> asyncpg.Connection:
    place = {"host": hosts[0].name or None, "port": hosts[0].port} if hosts else {}
    try:
        return await asyncpg.connect(
            timeout=timeout_s, **address.arguments, **_secured(address), **place, **options
        )
    except UNAVAILABLE:
        raise
    except asyncpg.PostgresError as error:
        raise ConnectionError(str(error)) from error


def _secured(address: Address) -> Mapping[str, Any]:
    try:
        return address.secured().arguments
    except ValueError as error:  # a file that is just being replaced
        raise ConnectionError(str(error)) from None


def _in_turn(address: Address) -> Sequence[Host]:
    hosts = address.hosts
    return _random.sample(hosts, len(hosts)) if address.shuffled else hosts
