"""What `[queue] url` may say, and what it means.

    redis://[user:password@]host[:port][/database]     one server; rediss:// with TLS
    unix:///path                                       one server on this machine
    redis+sentinel://[user:password@]host[:port],…/service[/database]
                                                       the master that these sentinels name
    redis+cluster://[user:password@]host[:port],…      the master of the slot of our keys, as these
                                                       nodes of a cluster name it

With `rediss+`, sentinels and nodes are asked through TLS, too. Parameters are those of redis-py's
URLs (`ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, …), and `sentinel_username` and
`sentinel_password`: user and password are those of the server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

FORMS: Final = (
    '"embedded", redis://host:port/database, rediss://host:port/database, unix:///path,'
    " redis+sentinel://host:port,host:port/service or redis+cluster://host:port,host:port"
)
PORTS: Final = {"sentinel": 26379, "cluster": 6379}
_SEVERAL: Final = re.compile(
    r"(rediss?)\+(sentinel|cluster)://(?:([^/?#]*)@)?([^/?#]+)/?([^?#]*)(?:\?([^#]*))?"
)
_OF_SENTINELS: Final = ("sentinel_username", "sentinel_password")

Host = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed URL."""

    url: str
    """For redis-py; where others are asked for the server, its host stands for nothing."""
    form: str = ""
    """`sentinel` or `cluster`; else empty."""
    hosts: tuple[Host, ...] = ()
    """The sentinels, or nodes of the cluster."""
    service: str = ""
    """The name by which the sentinels know the master."""
    of_sentinels: dict[str, str] = field(default_factory=dict)
    """Username and password of the sentinels."""


def parsed(url: str) -> Address:
    """The parts of a URL.

    Raises:
        ValueError: it has none of the forms above.
    """
    if found := _SEVERAL.fullmatch(url):
        scheme, form, user, hosts, path, query = found.groups(default="")
        return _several(scheme, form, user, hosts.split(","), path, query)
    database = urlsplit(url).path.strip("/")
    if not url.startswith("unix:"):
        _check_database(database)
    return Address(url=url)


def _several(scheme: str, form: str, user: str, hosts: list[str], path: str, query: str) -> Address:
    service, _, database = path.partition("/") if form == "sentinel" else ("", "", path)
    if form == "sentinel" and not service:
        raise ValueError("the name of the service is missing")
    if form == "cluster" and database not in {"", "0"}:
        raise ValueError("a cluster has only database 0")
    _check_database(database)
    options = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    own = [option for option in options if option[0] not in _OF_SENTINELS]
    at = f"{user}@" if user else ""
    return Address(
        url=f"{scheme}://{at}localhost/{database}?{urlencode(own)}",
        form=form,
        hosts=tuple(_host(each, PORTS[form]) for each in hosts),
        service=unquote(service),
        of_sentinels={
            name.removeprefix("sentinel_"): text for name, text in options if name in _OF_SENTINELS
        },
    )


def _host(text: str, port: int) -> Host:
    split = urlsplit(f"//{text}")
    if not split.hostname:
        raise ValueError("a host is missing")
    return split.hostname, split.port or port


def _check_database(text: str) -> None:
    if text and not text.isdecimal():
        raise ValueError("redis-py would silently take database 0")
