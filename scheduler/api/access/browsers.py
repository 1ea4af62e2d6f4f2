"""Refuses what browsers are made to send.

1. A request for another host: a page has rebound its name to this node (421, in `hosts.py`).
2. A request that writes and comes from a page of another site (403). Browsers say where it comes
   from: by `Sec-Fetch-Site` where the node's address is trustworthy (https, loopback), else by
   `Origin`. What has neither is not from a browser. The rules are those of
   `http.CrossOriginProtection` of Go 1.25.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from scheduler.api.access.hosts import Hosts
from scheduler.api.state import HOSTS

NextHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITE: Final = frozenset({"same-origin", "none"})
"""`none`: the user has typed the address, or followed a bookmark."""


@web.middleware
async def refuse_other_sites(request: web.Request, handler: NextHandler) -> web.StreamResponse:
    """Let nothing pass that another web site sends (aiohttp requires the name `handler`).

    Raises:
        HTTPMisdirectedRequest: `Host` names another host.
        HTTPForbidden: another site asks to change something.
    """
    hosts = request.app[HOSTS]
    host = request.headers.get("Host")  # once at most; only HTTP/1.0 may leave it out
    if host is not None and not hosts.accept(host):
        raise web.HTTPMisdirectedRequest(
            text=f"this node is not known as {host[:100]!r};"
            " if that is a name of yours for it, add it to [http] hosts"
        )
    if request.method not in READING and not _is_own(request, hosts, host or ""):
        raise web.HTTPForbidden(
            text="a page of another web site asked for this; only the node's own pages may, and"
            " programs that are no browser"
        )
    return await handler(request)


def _is_own(request: web.Request, hosts: Hosts, host: str) -> bool:
    """Whether a request that writes comes from a page of this node, or from no page."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in OWN_SITE
    origin = request.headers.get("Origin")
    return origin is None or hosts.serve(origin, host)
