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
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp import web

FORWARDED_FOR: Final = "X-Forwarded-For"


class Clients:
    """Finds the addresses of clients.

    Args:
        proxies: `[auth] proxies`. What anybody else says of an address means nothing.
    """

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network] = ()) -> None:
        self._proxies = proxies

    def address(self, request: web.Request) -> str | None:
        """The IP address that a request comes from; None where the connection has none."""
        peer = request.transport and request.transport.get_extra_info("peername")
        if not peer:
            return None
        if not self._proxies:
            return str(peer[0]).removeprefix("::ffff:")
        nearest = _address(peer[0])
        hops = ",".join(request.headers.getall(FORWARDED_FOR, ())).split(",")
        while nearest is not None and hops and self._is_proxy(nearest):
            before = _address(hops.pop().strip())
            if before is None:
                break
            nearest = before
        return None if nearest is None else str(nearest)

    def _is_proxy(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        address = ip_address(text)
        return getattr(address, "ipv4_mapped", None) or address
    return None
