"""The host names by which a node may be asked.

A web page may rebind the name of its own server to the address of a node (DNS rebinding). For the
browser, page and node are then one site. Only the header `Host` tells: it has the page's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

AUTHORITY: Final = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
"""`uri-host [":" port]` of RFC 9112, section 3.2, without forms that no client sends."""
KEPT_MAX: Final = 1000
"""How many accepted values of the header are kept."""


class Hosts:
    """The names of a node: loopback names, the addresses that it listens on, and configured ones.

    Args:
        listening: `[http] host`: names and IP addresses.
        named: `[http] hosts`: more of them, each perhaps with a port.
    """

    def __init__(self, listening: Iterable[str], named: Iterable[str] = ()) -> None:
        self._origins = {name.lower() for name in named}
        own = {plain(name) for name in listening} | {_host(name) or "" for name in self._origins}
        self._names = own | {"localhost"}
        self._listens_on_all = any(_is_unspecified(name) for name in own)
        self._accepted: set[str] = set()

    def accept(self, header: str) -> bool:
        """Whether a request with this `Host` is for this node; the port may be any."""
        if header in self._accepted:
            return True
        host = _host(header)
        if host is None or not self._has(host):
            return False
        if len(self._accepted) < KEPT_MAX:
            self._accepted.add(header)
        return True

    def serve(self, origin: str, header: str) -> bool:
        """Whether a page of this origin is a page of this node.

        Args:
            origin: the header `Origin`, such as `https://jobs.example:8443`, or `null`.
            header: the header `Host`. A proxy may have replaced what the browser sent: then only
                a configured name can match.
        """
        authority = origin.partition("://")[2].lower()
        return authority != "" and (authority == header.lower() or authority in self._origins)

    def _has(self, name: str) -> bool:
        if name in self._names or name.endswith(".localhost"):
            return True
        address = _address(name)
        # An address cannot be rebound. Where the node listens on all of the machine, others may
        # lead to it that it does not know, such as that of the host of its container.
        return address is not None and (self._listens_on_all or address.is_loopback)


def _host(authority: str) -> str | None:
    """The host of an authority, as `plain` writes it; None if it is malformed."""
    found = AUTHORITY.fullmatch(authority)
    return None if found is None else plain(found[1])


def plain(host: str) -> str:
    """A host name or an IP address, in the form that is compared."""
    name = host.lower().strip("[]").removesuffix(".")
    address = _address(name)
    return name if address is None else str(getattr(address, "ipv4_mapped", None) or address)


def _address(name: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(name)
    return None


def _is_unspecified(name: str) -> bool:
    address = _address(name)
    return address is not None and address.is_unspecified
