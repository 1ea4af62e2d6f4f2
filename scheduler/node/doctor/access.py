"""Who may ask the node, and by which certificate it is known."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final

from scheduler.core.errors import StartError
from scheduler.core.finding import Finding, missing, ok, warning
from scheduler.node.authentication import FILE, require_safe
from scheduler.node.config.auth import AuthSection
from scheduler.node.config.loading import Config
from scheduler.node.config.sections import HttpSection
from scheduler.node.tls import Certificate

SOON: Final = timedelta(days=14)
"""A certificate that expires within this wants to be renewed."""
RENEW: Final = "renew it: a node that runs takes up the new files by itself"


def access_findings(config: Config) -> Iterator[Finding]:
    """Who is let in, who may read the first token, and the certificate if there is to be one."""
    yield _mode(config.auth, config.http)
    first = Path(config.node.data_dir).resolve() / FILE
    if first.exists():
        yield _first_token(first)
    if config.http.tls_certificate:
        yield _certificate(config.http)


def _mode(auth: AuthSection, http: HttpSection) -> Finding:
    mend = 'set [auth] mode = "tokens", or listen on 127.0.0.1'
    try:
        require_safe(auth, http.addresses)
    except StartError as error:
        return missing("access", str(error), mend)
    if auth.mode == "none" and auth.insecure:
        return warning("access", "everybody who reaches the node may do everything", mend)
    if auth.mode == "proxy" and any(ip_network(each).prefixlen == 0 for each in auth.proxies):
        said = "[auth] proxies has all addresses: everybody may say who he is"
        return warning("access", said, "name the addresses of the proxies only")
    if auth.mode == "proxy" and not auth.groups:
        said = "no user of the proxy may do anything"
        return warning("access", said, "say in [auth.groups] what the members of a group may do")
    listening = ", on this machine only" if auth.mode == "none" else ""
    return ok("access", f"[auth] mode = {auth.mode!r}{listening}")


def _first_token(file: Path) -> Finding:
    mode = file.stat().st_mode & 0o777
    if mode & 0o077:
        said = f"{file} has the mode {mode:o}: others may read it"
        return warning("first token", said, "chmod 600, and revoke the token if others were there")
    return ok("first token", f"{file}: once you have others, delete it")


def _certificate(http: HttpSection) -> Finding:
    files = Path(http.tls_certificate), Path(http.tls_key) if http.tls_key else None
    try:
        shown = _shown(Certificate(*files).context, files[0])
    except StartError as error:
        return missing("certificate", str(error), "correct [http] tls_certificate and tls_key")
    except ssl.SSLCertVerificationError as error:
        return warning("certificate", f"{files[0]}: {error.verify_message}", RENEW)
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    names = ", ".join(name for _, name in shown.get("subjectAltName", ())) or "no name"
    found = f"{files[0]}: for {names}, until {until:%Y-%m-%d}"
    if until < datetime.now(UTC) + SOON:
        return warning("certificate", found, RENEW)
    return ok("certificate", found)


def _shown(server: ssl.SSLContext, certificate: Path) -> Mapping[str, Any]:
    """What clients are shown, by a handshake in memory with one that trusts just this.

    Raises:
        SSLCertVerificationError: it has expired, for instance.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(back, there)
    answers = server.wrap_bio(there, back, server_side=True)
    for side in (asks, answers, asks):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:  # it is the other's turn
            continue
    return asks.getpeercert() or {}
