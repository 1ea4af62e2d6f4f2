"""Whether the port is free, and if not, who answers there."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from scheduler.api.problems import UNAUTHENTICATED
from scheduler.basics.urls import local
from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok
from scheduler.node.config.sections import HttpSection
from scheduler.node.doctor.folders import is_used
from scheduler.node.listening import EVERY, listen

ANSWER_S: Final = 2.0
BYTES_MAX: Final = 4 * 1024 * 1024
TITLE: Final = "AtlanScheduler"
ANOTHER: Final = "choose another [http] host or port, or stop what listens there"


def port_finding(http_: HttpSection, *, data_dir: Path) -> Sequence[Finding]:
    """Listen on the port for a moment; if that fails, ask who does."""
    where = f"{', '.join(http_.addresses)}, port {http_.port or 'any that is free'}"
    try:
        for bound in listen(http_.addresses, http_.port):
            bound.close()
    except StartError as error:
        return [_of_another(str(error), http_, data_dir)]
    return [ok("port", f"{where}: free")]


def _of_another(error: str, http_: HttpSection, data_dir: Path) -> Finding:
    scheme = "https" if http_.tls_certificate else "http"
    url = local([f"{scheme}://{_bracketed(host)}:{http_.port}" for host in http_.addresses])
    node = _node_there(url)
    if node is None:
        return missing("port", error, ANOTHER)
    found = f"{node} answers at {url}"
    if is_used(data_dir):
        return ok("port", f"{found}: the node that runs here")
    return missing("port", f"{found}, with another data_dir", ANOTHER)


def _node_there(url: str) -> str | None:
    """The node at this URL, with its version if it tells that; None where none answers."""
    try:
        document = json.loads(_asked(url))
        if str(document.get("type")) == UNAUTHENTICATED.uri:
            return "AtlanScheduler, which asks for a token,"
        described = document["info"]
        return f"{TITLE} {described['version']}" if described["title"] == TITLE else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError):
        return None


def _asked(url: str) -> bytes:
    address = urlsplit(url)
    host, port = address.hostname or "", address.port
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    if address.scheme == "https":  # it is only asked what it is, and is sent no secret
        unchecked = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection = http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=unchecked)
    with closing(connection):
        connection.request("GET", "/-/openapi.json")
        return connection.getresponse().read(BYTES_MAX)


def _bracketed(host: str) -> str:
    if host == "::":  # which takes IPv4 too, and a machine may have nothing else
        return EVERY[socket.AF_INET]
    return f"[{host}]" if ":" in host else host
