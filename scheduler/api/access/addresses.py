"""Where a request comes from."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, Protocol

from aiohttp import web

IPV6_PREFIX: Final = 64
"""Of an IPv6 address, the bits that a client cannot choose."""


class Peer(Protocol):
    """The other end of a connection, as a transport shows it."""

    def get_extra_info(self, name: str) -> Any:  # noqa: ANN401 - asyncio's
        """Its address, as `peername`."""
        ...


def peer(request: web.Request) -> IPv4Address | IPv6Address | None:
    """The address that asks: a client's, or that of a proxy in front."""
    return None if request.transport is None else _peer(request.transport)


def origin(request: web.Request) -> str:
    """What tells one client from others: its address, or the network where it can choose that."""
    return "nowhere" if request.transport is None else origin_of(request.transport)


def origin_of(transport: Peer) -> str:
    """The same, of a connection."""
    address = _peer(transport)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address.packed, IPV6_PREFIX), strict=False))
    return str(address)


def _peer(transport: Peer) -> IPv4Address | IPv6Address | None:
    name = transport.get_extra_info("peername")
    if not name:
        return None
    return _address(name[0])


@lru_cache(maxsize=1024)  # each request needs it, and the same clients ask again
def _address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address
