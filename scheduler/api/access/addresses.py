"""Where a request comes from."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

IPV6_PREFIX: Final = 64
"""Of an IPv6 address, the bits that a client cannot choose."""


def peer(request: web.Request) -> IPv4Address | IPv6Address | None:
    """The address that asks: a client's, or that of a proxy in front."""
    name = request.transport and request.transport.get_extra_info("peername")
    if not name:
        return None
    address = ip_address(name[0])
    return getattr(address, "ipv4_mapped", None) or address


def origin(request: web.Request) -> str:
    """What tells one client from others: its address, or the network where it can choose that."""
    address = peer(request)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address.packed, IPV6_PREFIX), strict=False))
    return str(address)
