"""Certificates for one test, and a proxy that speaks TLS as PostgreSQL does.

The PostgreSQL of the tests is built without TLS. The proxy answers a client's request for it, and
passes on what is inside.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.support.programs import program
from tests.support.servers.stream_server import stream_server

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
CHUNK_BYTES = 65536


class Certificates:
    """A CA, and certificates that it signs, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self.root = folder / "root.crt"
        self._openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Root"),
            *("-keyout", "root.key", "-out", "root.crt"),
        )

    def signed(self, name: str, *, host: str = "", password: str = "") -> tuple[Path, Path]:
        """A certificate for a server of this host, or for a client; with its key."""
        kind = "IP" if host[:1].isdigit() else "DNS"
        alternative = ("-addext", f"subjectAltName={kind}:{host}") if host else ()
        locked = ("-passout", f"pass:{password}") if password else ("-nodes",)
        self._openssl(
            *("req", "-newkey", "rsa:2048", *locked, "-subj", f"/CN={name}", *alternative),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr"),
        )
        self._openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "root.crt", "-CAkey", "root.key"),
            *("-days", "2", "-copy_extensions", "copy", "-out", f"{name}.crt"),
        )
        return self._folder / f"{name}.crt", self._folder / f"{name}.key"

    def _openssl(self, *words: str) -> None:
        subprocess.run(
            [program("openssl"), *words], cwd=self._folder, check=True, capture_output=True
        )


class TlsProxy:
    """A server with TLS; `secured` counts the connections that use it."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self.port = 0
        self.secured = 0
        self._behind = port
        self._context = context

    @asynccontextmanager
    async def running(self) -> AsyncIterator[TlsProxy]:
        async with stream_server(self._serve) as port:
            self.port = port
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError), closing(writer):
            begin = await reader.readexactly(len(SSL_REQUEST))
            if begin == SSL_REQUEST:
                begin = b""
                writer.write(b"N" if self._context is None else b"S")
                if self._context is not None:
                    await writer.start_tls(self._context)
                    self.secured += 1
            within, out = await asyncio.open_connection("127.0.0.1", self._behind)
            with closing(out):
                out.write(begin)
                async with asyncio.TaskGroup() as both_ways:
                    both_ways.create_task(passed(reader, out))
                    both_ways.create_task(passed(within, writer))


async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError), closing(writer):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()


@contextmanager
def closing(writer: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        writer.close()


def server_context(
    certificate: tuple[Path, Path], *, clients: Path | None = None
) -> ssl.SSLContext:
    """What the proxy shows; with `clients`, it asks for a certificate that this CA signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
