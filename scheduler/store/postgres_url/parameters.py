"""The table of parameters that are not taken as they are: what may be ignored, and what may not.

Of libpq's, asyncpg lacks many; others belong to Prisma, SQLAlchemy, Rails, pgx or a host's page,
where people copy URLs from. A parameter that promises safety is never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple

_SILENCE: Final = "a connection that does not answer in time is dropped and replaced anyway"
_POOL: Final = "a node has its own pool of connections and its own timeouts"


class Rule(NamedTuple):
    """What becomes of a parameter."""

    fulfilled: tuple[str, ...] = ()
    """Values that ask for what happens anyway."""
    ignored: str = ""
    """Why other values are ignored; where it is empty, they are refused."""
    instead: str = ""
    """What to do where it is refused."""


RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(
        (
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
        ),
        Rule(ignored=_SILENCE),
    ),
    **dict.fromkeys(
        (
            "connection_limit",
            "max_overflow",
            "pgbouncer",
            "pool",
            "pool_max_conns",
            "pool_mode",
            "pool_size",
            "pool_timeout",
            "prepared_statement_cache_size",
            "prepared_statements",
            "single_use_connections",
            "socket_timeout",
            "statement_cache_size",
        ),
        Rule(ignored=_POOL),
    ),
    **dict.fromkeys(
        (
            "binary_parameters",
            "default_query_exec_mode",
            "load_balance",
            "prepareThreshold",
            "reWriteBatchedInserts",
            "supa",
            "topology_keys",
            "uselibpqcompat",
            "workaround",
        ),
        Rule(ignored="it is for another driver"),
    ),
    **dict.fromkeys(
        ("client_encoding", "encoding"), Rule(("utf8", "auto"), ignored="all text is sent in UTF-8")
    ),
    "gssdelegation": Rule(("0",)),
    "gssencmode": Rule(("disable", "prefer"), instead="the driver has no encryption by GSSAPI"),
    "hostaddr": Rule(instead="name the address as the host"),
    "max_protocol_version": Rule(("3.0", "3.2", "latest")),
    "min_protocol_version": Rule(("3.0",)),
    "replication": Rule(("false", "off", "no", "0")),
    "require_auth": Rule(instead="the driver cannot enforce it; sslmode=verify-full can"),
    "requirepeer": Rule(instead="the driver cannot enforce it"),
    "sslaccept": Rule(("accept_invalid_certs",), instead="write sslmode=verify-full"),
    "sslcertmode": Rule(("allow",)),
    "sslcompression": Rule(("0",), ignored="nothing is compressed by TLS"),
    "sslcrldir": Rule(instead="write sslcrl=file"),
    "sslidentity": Rule(instead="write sslcert=file and sslkey=file"),
    "sslsni": Rule(("1",), ignored="the host's name is always sent"),
}
TAKEN: Final = (
    "application_name",
    "channel_binding",
    "connect_timeout",
    "database",
    "dbname",
    "fallback_application_name",
    "gsslib",
    "host",
    "krbsrvname",
    "load_balance_hosts",
    "passfile",
    "password",
    "port",
    "schema",
    "service",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
    "user",
)
"""Those that the other modules of this package read."""
_SAFETY: Final = re.compile(r"ssl|tls|gss|krb|channel|require|oauth|scram", re.IGNORECASE)
"""How names of parameters begin that promise safety: misspelt, they are not for the server."""
_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SECRET: Final = re.compile(r"pas+w|secret|_key|token", re.IGNORECASE)


def choice(parameters: Mapping[str, str], name: str, *allowed: str) -> str:
    """The value of a parameter that must be one of some; the first is the default.

    Raises:
        ValueError: it is none of them.
    """
    value = parameters.get(name, allowed[0])
    if value not in allowed:
        raise refusal(name, value, f"must be one of {', '.join(allowed)}")
    return value


def refusal(name: str, value: str, why: str) -> ValueError:
    """The error for a parameter: its name, its value unless that is a secret, and the reason."""
    return ValueError(f"{name} = {'***' if _SECRET.search(name) else repr(value)}: {why}")


def ignored(name: str, value: str) -> str | None:
    """Why a parameter of the table is ignored; None where it is fulfilled anyway.

    Raises:
        ValueError: it is neither.
    """
    rule = RULES[name]
    if value in rule.fulfilled:
        return None
    if rule.ignored:
        return rule.ignored
    allowed = f"; allowed: {', '.join(rule.fulfilled)}" if rule.fulfilled else ""
    raise refusal(name, value, f"not supported{allowed}{_and(rule.instead)}")


def must_be_setting(name: str, value: str) -> None:
    """Check that a name that nobody here knows may be one of the server's own settings.

    Raises:
        ValueError: it may not.
    """
    if _SAFETY.match(name) or not _SETTING.fullmatch(name):
        raise refusal(name, value, f"an unknown parameter{nearest(name)}")


def nearest(name: str) -> str:
    """The question for a name that may be misspelt."""
    meant = get_close_matches(name, [*TAKEN, *RULES], n=1, cutoff=0.8)
    return "".join(f"; did you mean {each}?" for each in meant)


def _and(instead: str) -> str:
    return instead and f"; {instead}"
