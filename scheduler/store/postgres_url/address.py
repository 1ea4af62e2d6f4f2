"""A URL, and what it means: arguments of asyncpg, settings of the server, remarks for the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from scheduler.basics.sql_names import SCHEMA_WORDS, is_schema
from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError
from scheduler.store.postgres_url.parameters import (
    RULES,
    TAKEN,
    choice,
    ignored,
    must_be_setting,
    nearest,
    refusal,
)
from scheduler.store.postgres_url.service import service_parameters
from scheduler.store.postgres_url.splitting import Host, Parts, hosts, ports, split
from scheduler.store.postgres_url.tls import RenewedTls, Tls

CONNECT_S: Final = 5.0
"""Timeout for a connection, where the URL says nothing else."""
CONNECT_S_MAX: Final = 60
_NAME: Final = "AtlanScheduler"
_PASSED_ON: Final = ("krbsrvname", "gsslib", "passfile")


class Remark(NamedTuple):
    """Something about a parameter that whoever wrote the URL should know."""

    parameter: str
    value: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where a database is, and how to connect to it."""

    where: str
    """The URL without its password, for messages."""
    hosts: Sequence[Host]
    """In the order to try them; none, or one without a name: where asyncpg looks."""
    shuffled: bool
    """Whether each connection begins with any of them."""
    connect_s: float
    arguments: Mapping[str, Any]
    """All others of `asyncpg.connect`, but for those of TLS."""
    secured: Callable[[], Tls]
    """Those of TLS. Called for each connection: certificates on the disk are renewed."""
    schema: str
    """The schema that Prisma's `schema=` names; mostly empty."""
    remarks: Sequence[Remark]

    def hint(self) -> str:
        """What to look at where the server refuses a setting that the URL has."""
        settings = self.arguments["server_settings"].keys() - {"application_name"}
        sent = ", ".join(f"{name}{nearest(name)}" for name in sorted(settings))
        return f"the URL sends it as settings: {sent or 'none'}"


def read(url: str, environ: Mapping[str, str]) -> Address:
    """Read a URL; what it leaves out may be in libpq's environment variables.

    Raises:
        StartError: it is no URL, or has a parameter that is neither taken nor ignored.
    """
    where = redacted(url)
    try:
        return _address(split(url), where, environ)
    except ValueError as error:
        raise StartError(f"[store] url = {where!r}: {error}") from None


def _address(parts: Parts, where: str, environ: Mapping[str, str]) -> Address:
    named = {**service_parameters(parts.parameters, environ), **parts.parameters}
    servers = _hosts(parts, named)
    in_clear = bool(servers) and all(host.is_socket for host in servers)
    secured = partial(_without_tls, named) if in_clear else RenewedTls(named, environ)
    return Address(
        where=where,
        hosts=servers,
        shuffled=choice(named, "load_balance_hosts", "disable", "random") == "random",
        connect_s=_connect_s(named),
        arguments={
            **_login(parts, named),
            **_passed_on(named),
            **_session(named, servers),
            "server_settings": _settings(named),
        },
        secured=secured,
        schema=_schema(named),
        remarks=[*_remarks(named, secured())],
    )


def _hosts(parts: Parts, named: Mapping[str, str]) -> Sequence[Host]:
    found = parts.hosts or (hosts(named["host"]) if "host" in named else ())
    if "port" not in named:
        return found
    numbers = ports(named["port"])
    found = found or (Host(""),)
    if len(numbers) not in {1, len(found)}:
        raise refusal("port", named["port"], f"must be one port, or one for each of {len(found)}")
    all_numbers = numbers * len(found) if len(numbers) == 1 else numbers
    return tuple(
        host._replace(port=host.port or port) for host, port in zip(found, all_numbers, strict=True)
    )


def _without_tls(named: Mapping[str, str]) -> Tls:
    if choice(named, "channel_binding", "prefer", "disable", "require") == "require":
        raise refusal("channel_binding", "require", "needs TLS, which a Unix socket has not")
    return Tls({})


def _login(parts: Parts, named: Mapping[str, str]) -> Mapping[str, str | None]:
    database = parts.database or named.get("dbname") or named.get("database")
    return {
        "user": parts.user or named.get("user"),
        "password": parts.password or named.get("password"),
        "database": database,
    }


def _passed_on(named: Mapping[str, str]) -> Mapping[str, str]:
    if file := named.get("passfile"):
        _must_be_private("passfile", Path(file))
    choice(named, "gsslib", "gssapi")
    return {name: named[name] for name in _PASSED_ON if name in named}


def _must_be_private(name: str, file: Path) -> None:
    """Check what asyncpg would pass over in silence: then the password would be the wrong one."""
    try:
        others = file.stat().st_mode & 0o077
    except OSError as error:
        raise refusal(name, str(file), str(error.strerror)) from None
    if others or not file.is_file():
        raise refusal(name, str(file), "must be a file that only its owner may read (chmod 600)")


def _session(named: Mapping[str, str], servers: Sequence[Host]) -> Mapping[str, str]:
    """Which servers will do: of several, by default, the one that can be written to."""
    allowed = (
        ("read-write", "any", "primary") if len(servers) > 1 else ("any", "read-write", "primary")
    )
    if "target_session_attrs" not in named and len(servers) < 2:
        return {}  # asyncpg looks into the environment
    return {"target_session_attrs": choice(named, "target_session_attrs", *allowed)}


def _connect_s(named: Mapping[str, str]) -> float:
    value = named.get("connect_timeout", "0")
    if not value.isdecimal() or int(value) > CONNECT_S_MAX:
        allowed = f"must be whole seconds, from 1 to {CONNECT_S_MAX}, or 0 for {CONNECT_S:g}"
        raise refusal("connect_timeout", value, allowed)
    return float(value) or CONNECT_S


def _settings(named: Mapping[str, str]) -> Mapping[str, str]:
    """What the server is to set: the names that nobody here knows, which it may know."""
    own = named.get("application_name") or named.get("fallback_application_name") or _NAME
    unknown = {key: value for key, value in named.items() if key not in {*TAKEN, *RULES}}
    for name, value in unknown.items():
        must_be_setting(name, value)
    return {"application_name": own, **unknown}


def _schema(named: Mapping[str, str]) -> str:
    schema = named.get("schema", "")
    if schema and not is_schema(schema):
        raise refusal("schema", schema, f"must be {SCHEMA_WORDS}")
    return schema


def _remarks(named: Mapping[str, str], secured: Tls) -> Iterator[Remark]:
    for name in named.keys() & RULES.keys():
        if why := ignored(name, named[name]):
            yield Remark(name, named[name], f"ignored: {why}")
    if secured.instead:
        yield Remark("channel_binding", "require", secured.instead)
