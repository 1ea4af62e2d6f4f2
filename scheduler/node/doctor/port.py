"""Whether the port is free, and if not, who answers there."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from scheduler.basics.urls import local
from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok
from scheduler.node.config.sections import HttpSection
from scheduler.node.doctor.folders import is_used
from scheduler.node.listening import EVERY, listen

ANSWER_S: Final = 2.0
BYTES_MAX: Final = 4 * 1024 * 1024
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
    url = local([f"http://{_bracketed(host)}:{http_.port}" for host in http_.addresses])
    version = _version_there(url)
    if version is None:
        return missing("port", error, ANOTHER)
    found = f"AtlanScheduler {version} answers at {url}"
    if is_used(data_dir):
        return ok("port", f"{found}: the node that runs here")
    return missing("port", f"{found}, with another data_dir", ANOTHER)


def _version_there(url: str) -> str | None:
    """The version of the node at this URL; None where no node answers."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=ANSWER_S)
    try:
        connection.request("GET", "/-/openapi.json")
        described = json.loads(connection.getresponse().read(BYTES_MAX))["info"]
        return str(described["version"]) if described["title"] == "AtlanScheduler" else None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


def _bracketed(host: str) -> str:
    if host == "::":  # which takes IPv4 too, and a machine may have nothing else
        return EVERY[socket.AF_INET]
    return f"[{host}]" if ":" in host else host
