"""The sockets that a node listens on: one for each address of `[http] host`, all on one port.

"::"  ─▶  [::]:8000 and 0.0.0.0:8000, since a socket for one family leaves the other out
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from ipaddress import ip_address
from typing import Final, NamedTuple

from scheduler.core.errors import StartError

EVERY: Final = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104
"""The address that stands for all addresses of its family."""
ABSENT: Final = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""The machine has no such address: without IPv6, `localhost` may still have one."""
TRIES: Final = 20
"""How often a free port is looked for that is free for all addresses."""


class Address(NamedTuple):
    """An address to listen on, and the host of the configuration that it is of."""

    family: socket.AddressFamily
    ip: str
    host: str


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Bound sockets, in the order of the hosts; with port 0, all on the same free one.

    Raises:
        StartError: a host is unknown, or cannot be listened on.
    """
    addresses = _addresses(hosts)
    for _ in range(TRIES if port == 0 and len(addresses) > 1 else 1):
        try:
            return _bound(addresses, port)
        except _InUse as error:
            in_use = error
    raise StartError(
        f"[http] port: {in_use} is in use;"
        " choose another with SCHEDULER_HTTP__PORT (0: any that is free)"
    )


def reaches_others(hosts: Sequence[str]) -> str | None:
    """The first of some hosts by which other machines reach a node; None if there is none.

    Raises:
        StartError: a host is unknown.
    """
    addresses = _addresses(hosts)
    return next((each.host for each in addresses if not ip_address(each.ip).is_loopback), None)


def url_of(bound: socket.socket, *, secure: bool) -> str:
    """The URL of a node that listens on this socket."""
    ip, port, *_ = bound.getsockname()
    scheme = "https" if secure else "http"
    return f"{scheme}://{f'[{ip}]' if ':' in ip else ip}:{port}"


class _InUse(Exception):
    """Something else listens there."""


def _addresses(hosts: Sequence[str]) -> list[Address]:
    """The addresses of all hosts, without those that another one covers."""
    found = [address for host in hosts for address in _addresses_of(host)]
    covered = {family for family, ip, _ in found if ip == EVERY[family]}
    kept = [each for each in found if each.family not in covered or each.ip == EVERY[each.family]]
    return list({each[:2]: each for each in kept}.values())


def _addresses_of(host: str) -> Iterator[Address]:
    try:
        found = socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a label of more than 63 characters
        raise StartError(_cannot_listen(host, error)) from error
    for family, _, _, _, address in found:
        if family in EVERY:
            yield Address(family, str(address[0]), host)
    if host == "::":
        yield Address(socket.AF_INET, EVERY[socket.AF_INET], host)


def _bound(addresses: Sequence[Address], port: int) -> list[socket.socket]:
    """Sockets for all hosts: of each, for those of its addresses that the machine has."""
    with ExitStack() as stack:
        sockets: dict[Address, socket.socket] = {}
        common = port
        absent: dict[str, OSError] = {}
        for address in addresses:
            try:
                sockets[address] = stack.enter_context(closing(_bind(address, common)))
                common = sockets[address].getsockname()[1]
            except OSError as error:
                absent[address.host] = _absence(error, address, port)
        for host in absent.keys() - {address.host for address in sockets}:
            raise StartError(_cannot_listen(f"{host}:{port}", absent[host]))
        stack.pop_all()
    return list(sockets.values())


def _absence(error: OSError, address: Address, port: int) -> OSError:
    """The error, if it only says that the machine has no such address."""
    if error.errno == errno.EADDRINUSE:
        raise _InUse(f"{f'[{address.ip}]' if ':' in address.ip else address.ip}:{port}")
    if error.errno not in ABSENT:
        raise StartError(_cannot_listen(f"{address.host}:{port}", error))
    return error


def _bind(address: Address, port: int) -> socket.socket:
    bound = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        # A port whose old connections have ended can be used again at once, by a restarted node.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address.ip, port))
        bound.listen()  # else another process could still take the port
    except BaseException:
        bound.close()
        raise
    return bound


def _cannot_listen(where: str, error: Exception) -> str:
    """The error message, with the system's text."""
    number = getattr(error, "errno", None) or 0
    # Negative: an error of name resolution.
    reason = os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error)
    return f"[http] {where} cannot be listened on: {reason}"
