"""The node's own TLS: its certificate, which may be renewed while the node runs."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

from scheduler.core.errors import StartError

log = structlog.get_logger()

LOOK_S: Final = 5.0
"""How often it is looked whether the files have changed."""


class Certificate:
    """A certificate in use. `watch` takes up renewed files: new connections have the new one.

    Args:
        certificate: a file with the chain in PEM, beginning with the node's own.
        key: a file with its private key in PEM, without a password; None: it is in the same file.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate = certificate
        self._key = key
        self._seen = self._files()
        self.context = self._current = self._loaded()
        self.context.sni_callback = self._use_current

    async def watch(self) -> None:
        """Look for renewed files, for ever; a background task."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Take up the files if they have changed since the last look, and can be used."""
        seen = await asyncio.to_thread(self._files)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._current = await asyncio.to_thread(self._loaded)
        except StartError as error:  # a pair that is half written, for instance
            log.warning("a renewed certificate cannot be used; the old one stays", error=str(error))
        else:
            log.info("the renewed certificate is in use", certificate=str(self._certificate))

    def _use_current(self, connection: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        """Choose the certificate of a new connection; called whether it names a server or not."""
        connection.context = self._current

    def _files(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What changes when the files do, or when links to them are moved."""
        return tuple(_seen(path) for path in (self._certificate, self._key) if path)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        for name, path in (("tls_certificate", self._certificate), ("tls_key", self._key)):
            if path is not None:
                _require_readable(name, path)
        try:
            context.load_cert_chain(self._certificate, self._key, _no_password)
        except (OSError, ValueError) as error:
            raise StartError(
                f"[http] tls_certificate = {str(self._certificate)!r}: cannot be used with"
                f" tls_key = {str(self._key or '')!r}: {_reason(error)}; wanted are a certificate"
                " and its key in PEM, without a password"
            ) from error
        return context


def _no_password() -> str:
    """Else OpenSSL would ask for it on the terminal, and the node would wait."""
    raise ValueError("the key has a password")


def _require_readable(name: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise StartError(f"[http] {name} = {str(path)!r}: {error.strerror}") from error


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLError() if error.reason == "KEY_VALUES_MISMATCH":
            return "the key belongs to another certificate"
        case ssl.SSLError():
            return "this is no certificate, or no key" if error.reason is None else error.reason
        case _:
            return str(error)


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
