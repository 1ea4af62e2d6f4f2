"""The parameters of TLS as arguments of asyncpg; and what stands in for channel binding.

Contexts are made here and not by asyncpg, which knows no `sslrootcert=system`, and of which a file
that is missing looks like a server that is away. With `allow` and `prefer` only asyncpg can make
them: it falls back to a connection without TLS, or the other way round, only in modes of its own.

asyncpg has no channel binding (SCRAM-SHA-256-PLUS). It keeps someone in the middle from passing a
login on, where nobody looks at the server's certificate. So `channel_binding=require` has the
certificate looked at, in full: what was asked for holds, by other means, or nothing is connected.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from scheduler.store.postgres_url.parameters import choice, refusal

MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_ALIASES: Final = {"no-verify": "require", "true": "require", "false": "disable"}
"""Of `pg` for Node and of JDBC: with TLS, and no look at the certificate; without TLS."""
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_DEFAULTS: Final = {
    "sslrootcert": ("PGSSLROOTCERT", "root.crt"),
    "sslcert": ("PGSSLCERT", "postgresql.crt"),
    "sslkey": ("PGSSLKEY", "postgresql.key"),
    "sslcrl": ("PGSSLCRL", "root.crl"),
}
"""Where libpq looks for what a URL leaves out: a variable, and a file in `~/.postgresql`."""
SYSTEM: Final = "system"
_ADVISORY: Final = ("allow", "prefer")
"""Modes in which the server decides whether there is TLS."""
BOUND: Final = (
    "the driver cannot bind channels; instead the server's certificate is verified in full, as with"
    " sslmode=verify-full and sslrootcert={root}"
)


class Tls(NamedTuple):
    """How to connect with TLS."""

    arguments: Mapping[str, Any]
    """For asyncpg."""
    instead: str = ""
    """What is done in place of channel binding, where that was required."""


class RenewedTls:
    """The arguments as the files on the disk are now: certificates are renewed while a node runs.

    Made anew only then: to load the certificates that a machine trusts takes 70 ms.
    """

    def __init__(self, parameters: Mapping[str, str], environ: Mapping[str, str]) -> None:
        self._parameters, self._environ = parameters, environ
        self._made, self._stamps = tls(parameters, environ), self._look()

    def __call__(self) -> Tls:
        """The arguments.

        Raises:
            ValueError: a file cannot be used; it may just be replaced.
        """
        if (stamps := self._look()) != self._stamps:
            self._made, self._stamps = tls(self._parameters, self._environ), stamps
        return self._made

    def _look(self) -> Sequence[object]:
        files = [_file(name, self._parameters, self._environ) for name in _DEFAULTS]
        return [_stamp(file) for file in files]


def tls(parameters: Mapping[str, str], environ: Mapping[str, str]) -> Tls:
    """The arguments for what the parameters ask for.

    Raises:
        ValueError: a value is not allowed, two contradict each other, or a file cannot be used.
    """
    files = {name: _file(name, parameters, environ) for name in _DEFAULTS}
    mode = _mode(parameters, environ, files["sslrootcert"])
    bound = choice(parameters, "channel_binding", "prefer", "disable", "require") == "require"
    if bound:
        if mode == "disable":
            raise refusal("channel_binding", "require", "needs TLS, and sslmode is disable")
        mode, files["sslrootcert"] = "verify-full", files["sslrootcert"] or SYSTEM
    direct = choice(parameters, "sslnegotiation", "postgres", "direct") == "direct"
    if direct and mode in {"disable", *_ADVISORY}:
        raise refusal("sslnegotiation", "direct", "needs sslmode=require or a stronger one")
    if mode == "disable":
        return Tls({"ssl": "disable"})
    context = _context(mode, files, parameters)  # made in any case, since that tries the files
    if mode in _ADVISORY:
        return Tls({"dsn": _dsn(mode, files, parameters)})
    instead = BOUND.format(root=files["sslrootcert"]) if bound else ""
    return Tls({"ssl": context, "direct_tls": direct}, instead)


def _mode(parameters: Mapping[str, str], environ: Mapping[str, str], root: str) -> str:
    name = "ssl" if "ssl" in parameters and "sslmode" not in parameters else "sslmode"
    named = parameters.get(name) or environ.get("PGSSLMODE")
    mode = named or ("verify-full" if root == SYSTEM else "prefer")
    mode = _ALIASES.get(mode, mode)
    if mode not in MODES:
        raise refusal(name, mode, f"must be one of {', '.join(MODES)}")
    if root == SYSTEM and mode not in {"disable", "verify-full"}:
        raise refusal("sslmode", mode, "must be verify-full with sslrootcert=system")
    return mode


def _file(name: str, parameters: Mapping[str, str], environ: Mapping[str, str]) -> str:
    """The path of a file that is named, or that is at its usual place; empty without one."""
    variable, usual = _DEFAULTS[name]
    if named := parameters.get(name) or environ.get(variable):
        return named
    try:
        there = Path.home() / ".postgresql" / usual
        return str(there) if there.is_file() else ""
    except (OSError, RuntimeError):  # no home, or one that may not be looked into
        return ""


def _context(mode: str, files: Mapping[str, str], parameters: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    _trust(context, mode, files["sslrootcert"])
    if crl := files["sslcrl"]:
        with _usable("sslcrl", crl):
            context.load_verify_locations(crl)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if cert := files["sslcert"]:
        password = parameters.get("sslpassword", "")  # never asked for on a terminal
        with _usable("sslcert", f"{cert} with sslkey = {files['sslkey']}"):
            context.load_cert_chain(cert, files["sslkey"] or None, lambda: password)
    context.minimum_version = _version(parameters, "ssl_min_protocol_version", "TLSv1.2")
    context.maximum_version = _version(parameters, "ssl_max_protocol_version", "TLSv1.3")
    context.set_alpn_protocols(["postgresql"])  # direct negotiation needs it
    return context


def _trust(context: ssl.SSLContext, mode: str, root: str) -> None:
    """Say whose certificates are trusted. As in libpq, `require` with a root is `verify-ca`."""
    if mode in _ADVISORY or (mode == "require" and not root):
        context.verify_mode = ssl.CERT_NONE
    elif root == SYSTEM:
        context.load_default_certs()
    elif root:
        with _usable("sslrootcert", root):
            context.load_verify_locations(root)
    else:
        raise refusal(
            "sslmode",
            mode,
            "needs sslrootcert: a file with the certificates of the CA; or, with verify-full, the"
            " word system, for those that this machine trusts",
        )


def _stamp(file: str) -> object:
    try:
        state = Path(file).stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns, state.st_size


@contextmanager
def _usable(name: str, file: str) -> Iterator[None]:
    """Turn the errors of a file into one that names its parameter."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
        raise ValueError(f"{name} = {file}: cannot be used: {reason or 'not a PEM file'}") from None


def _version(parameters: Mapping[str, str], name: str, default: str) -> ssl.TLSVersion:
    return _VERSIONS[choice({name: default, **parameters}, name, *_VERSIONS)]


def _dsn(mode: str, files: Mapping[str, str], parameters: Mapping[str, str]) -> str:
    names = ("ssl_min_protocol_version", "ssl_max_protocol_version", "sslpassword")
    others = {name: parameters[name] for name in names if name in parameters}
    named = {name: file for name, file in files.items() if file}
    return f"postgresql://?{urlencode({'sslmode': mode, **named, **others})}"
