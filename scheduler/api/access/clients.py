"""From which address somebody asks, for the audit log.

Behind a proxy, that is in the header `X-Forwarded-For`. Each proxy adds whom it was asked by at the
end, so the header is read from there, and only as far as proxies of our own have written it:

    X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7        ◀── 10.0.0.8 asks
                     invented ▲           ▲ ours           ours
                              the client ─┘
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

from scheduler.api.access.addresses import peer

FORWARDED_FOR: Final = "X-Forwarded-For"
Address = IPv4Address | IPv6Address


class Clients:
    """Finds the addresses of clients.

    Args:
        proxies: `[auth] proxies`. What anybody else says of an address means nothing.
    """

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._proxies = proxies

    def address(self, request: web.Request) -> str | None:
        """The IP address that a request comes from; None where the connection has none."""
        nearest = peer(request)
        if nearest is None:
            return None
        if self._proxies and self._is_proxy(nearest):
            nearest = self._behind(nearest, request)
        return _text(nearest)

    def _behind(self, proxy: Address, request: web.Request) -> Address:
        """The last address of the header that is not a proxy's; else the first of the proxies."""
        hops = ",".join(request.headers.getall(FORWARDED_FOR, ()))
        nearest = proxy
        for hop in reversed(hops.split(",")):
            before = _address(hop.strip())
            if before is None:
                return nearest
            nearest = before
            if not self._is_proxy(nearest):
                return nearest
        return nearest

    def _is_proxy(self, address: Address) -> bool:
        return any(address in network for network in self._proxies)


_text = lru_cache(maxsize=1024)(str)  # each request needs it, and the same clients ask again


def _address(text: str) -> Address | None:
    with suppress(ValueError):
        address = ip_address(text)
        return getattr(address, "ipv4_mapped", None) or address
    return None
