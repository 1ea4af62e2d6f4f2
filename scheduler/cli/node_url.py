"""Where the commands look for a node: the first of these that is there.

    --url ─ ATLANSCHEDULER_URL ─ SCHEDULER_HTTP__… ─ config.toml, or the --config file ─ the default
                                 └── host, port and whether there is a certificate, as a node
                                     that is started here takes them ──────────────────────────┘

A command must not wait for the import of pydantic, so only these keys are read and checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from atlanscheduler_client.address import DEFAULT_URL
from scheduler.core.errors import StartError
from scheduler.node.config.reading import FILE, HOSTS_ALLOWED, PORT_MAX, document, hosts, scalar

VARIABLE: Final = "SCHEDULER_HTTP__{key}"
LOOPBACK: Final = "127.0.0.1"
"""Where a node that listens on all addresses is found: `::` takes IPv4 too."""
_DEFAULT: Final = urlsplit(DEFAULT_URL)


class NodeUrl(NamedTuple):
    """The URL of a node, and where it is from."""

    url: str
    source: str
    """As it goes on behind "the URL is"."""
    configured: bool = True
    """Whether a node that is started here would be there."""


@dataclass(slots=True)
class Tried:
    """Where a command looked for a node, for the message in case that none answers."""

    url: NodeUrl | None = None


def configured_url(config: Path | None, environ: Mapping[str, str]) -> NodeUrl:
    """The URL of the node that this configuration is for.

    Raises:
        StartError: host or port cannot be read, or do not say where the node is.
    """
    section = document(config).get("http", {})
    file = str(config or FILE)
    if not isinstance(section, dict):
        raise StartError(f"{file}: http must be a section, [http]")
    sources: dict[str, None] = {}  # an ordered set

    def given(key: str, default: object) -> tuple[object, str]:
        variable = VARIABLE.format(key=key.upper())
        if variable in environ:
            sources[f"{variable} in the environment"] = None
            return scalar(environ[variable]), f"environment: {variable}"
        if key in section:
            sources[file] = None
        return section.get(key, default), f"{file}: [http] {key}"

    host = _host(*given("host", _DEFAULT.hostname))
    port = _port(*given("port", _DEFAULT.port))
    scheme = "https" if given("tls_certificate", "")[0] else "http"
    source = f"from {' and '.join(sources)}" if sources else "the default"
    return NodeUrl(f"{scheme}://{host}:{port}", source)


def _host(value: object, where: str) -> str:
    """The first host, as a URL has it."""
    try:
        host = hosts(value)[0]
    except ValueError:
        raise StartError(f"{where} = {value!r}: must be {HOSTS_ALLOWED}") from None
    try:
        ip = ip_address(host)
    except ValueError:
        return host
    if ip.is_unspecified:
        return LOOPBACK
    return f"[{host}]" if ip.version == 6 else host


def _port(value: object, where: str) -> int:
    if type(value) is not int or not 0 <= value <= PORT_MAX:
        raise StartError(f"{where} = {value!r}: must be an integer from 0 to {PORT_MAX}")
    if value == 0:
        raise StartError(f"{where} = 0: the node took any free port, which its ready line shows")
    return value
