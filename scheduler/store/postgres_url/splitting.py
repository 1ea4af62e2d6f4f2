"""The text of a URL in its parts: `postgresql://user:password@host:port,host:port/database?…`.

Written by hand, since `urllib` refuses passwords with brackets and knows no list of hosts. What is
wrong raises `ValueError`, whose text never quotes what may be a part of a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

_URL: Final = re.compile(r"postgres(?:ql)?://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<rest>.*)")
_ESCAPE: Final = (
    "not a valid URL; in user and password each of @ : / ? # % [ ] must be escaped: an @ as %40"
)
PORT_MAX: Final = 65_535


class Host(NamedTuple):
    """One server: a name, an address or the folder of a Unix socket, and its port."""

    name: str
    port: int | None = None

    @property
    def is_socket(self) -> bool:
        """Whether it is the folder of a Unix socket, which needs no TLS."""
        return self.name.startswith("/")

    def __str__(self) -> str:
        return self.name if self.port is None else f"{self.name}:{self.port}"


class Parts(NamedTuple):
    """A URL's parts, unescaped; what it leaves out is empty."""

    user: str
    password: str
    hosts: Sequence[Host]
    database: str
    parameters: Mapping[str, str]


def split(url: str) -> Parts:
    """Split a URL in its parts.

    Raises:
        ValueError: it is none.
    """
    found = _URL.fullmatch(url)
    if found is None:
        raise ValueError(_ESCAPE)
    authority, path, rest = found["authority"], found["path"] or "", found["rest"]
    login, _, servers = authority.rpartition("@")
    # What stands before such a character may be the first half of a password.
    if "#" in rest or ("@" in path + rest and ":" in authority):
        raise ValueError(_ESCAPE)
    user, _, password = login.partition(":")
    return Parts(
        user=unescaped(user),
        password=unescaped(password),
        hosts=tuple(_host(unescaped(each)) for each in servers.split(",")) if servers else (),
        database=unescaped(path[1:]),
        parameters=_parameters(rest[1:]),
    )


def hosts(text: str) -> Sequence[Host]:
    """The servers of a list `host1:port1,host2:port2`, which is unescaped already.

    Raises:
        ValueError: one of them is empty, or has no valid port.
    """
    return tuple(_host(each) for each in text.split(","))


def ports(text: str) -> tuple[int, ...]:
    """The ports of a list `port1,port2`.

    Raises:
        ValueError: one of them is not valid.
    """
    return tuple(map(_port, text.split(",")))


def unescaped(text: str) -> str:
    """The text without its `%xx`; a `+` stays as it is, as in libpq."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(_ESCAPE)
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"{_ESCAPE}, all of it in UTF-8") from None
    if "\0" in plain:
        raise ValueError("%00 must be left out")
    return plain


def _parameters(query: str) -> Mapping[str, str]:
    """The parameters that have a value; of one that stands there twice, the last."""
    parameters = {}
    for each in filter(None, query.split("&")):
        name, equals, text = each.partition("=")
        if not equals:
            raise ValueError("its parameters must be name=value, separated by &")
        if value := unescaped(text):
            parameters[unescaped(name)] = value
    return parameters


def _host(plain: str) -> Host:
    if plain.startswith("/") or (plain.count(":") > 1 and not plain.startswith("[")):
        return Host(plain)  # a socket, whose name may have colons; or an IPv6 address alone
    found = re.fullmatch(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>.*))?", plain)
    if found is None:
        raise ValueError(
            "its hosts must be a list host1:port1,host2:port2, an IPv6 address in brackets;"
            " and in user and password an @ must be escaped as %40, a : as %3A, a / as %2F"
        )
    return Host(found["v6"] or found["name"], _port(found["port"]) if found["port"] else None)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= PORT_MAX:
        # Not quoted: of a password with an unescaped slash the first half stands here.
        raise ValueError(
            f"a port must be a number from 1 to {PORT_MAX}; or is a / in the password, to be"
            " escaped as %2F?"
        )
    return int(text)
