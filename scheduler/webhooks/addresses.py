"""The addresses that a call may connect to: public ones, and those that the operator allows.

Users choose the URLs of hooks, but the node may reach networks that its users may not. So the check
is made on the address that a socket is about to connect to. A name that resolves differently the
second time (DNS rebinding) and an address in an unusual spelling are then checked like any other.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

from scheduler.webhooks.errors import AddressRefusedError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REFUSED: Final = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # between a provider and its customers (CGNAT)
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, where clouds serve credentials
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "::/96",  # unspecified, loopback, and IPv4-compatible (the oldest embedding of IPv4)
            "::ffff:0:0:0/96",  # IPv4 translated without state (SIIT)
            "64:ff9b::/96",  # IPv4 behind NAT64
            "64:ff9b:1::/48",  # the same, local
            "100::/64",  # discarded
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # IPv4 by 6to4
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fc00::/7",  # private
            "fe80::/10",  # link-local
            "fec0::/10",  # site-local
            "ff00::/8",  # multicast
        ),
    )
)
"""Networks that are not public, or whose addresses are translated into others.

Source: IANA's special-purpose address registries, 2025. This is a table of our own because Python's
`is_global` differs between releases and accepts the translated ones."""


def refusal(address: Address, allow: Collection[Network]) -> str | None:
    """Why an address may not be called; None if it may."""
    plain = _plain(address)
    if any(plain in network for network in allow):
        return None
    for network in REFUSED:
        if plain in network:
            return f"{plain} is in {network}, which is not public; [hooks] allow does not name it"
    return None


def callable_of(addresses: Sequence[str], allow: Collection[Network]) -> str:
    """The first address that may be called, in the spelling in which receivers are counted.

    IPv6 is counted by networks of 64 bits: whoever has one address has them all.

    Raises:
        AddressRefusedError: none may be.
    """
    reason: str | None = "no address"
    for each in addresses:
        address = _plain(ip_address(each.partition("%")[0]))
        if (reason := refusal(address, allow)) is None:
            return str(ip_network((address, 64 if address.version == 6 else 32), strict=False))
    raise AddressRefusedError(errno.EACCES, reason)


def guarded(allow: Collection[Network]) -> Callable[[Any], socket.socket]:
    """A socket factory that refuses addresses that may not be called.

    aiohttp calls the factory with each address that it is about to connect to.
    """

    def make(address_info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, (host, *_) = address_info
        if reason := refusal(ip_address(host.partition("%")[0]), allow):
            raise AddressRefusedError(errno.EACCES, reason)
        return socket.socket(family, kind, protocol)

    return make


def _plain(address: Address) -> Address:
    """The address that a connection to this one goes to."""
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
