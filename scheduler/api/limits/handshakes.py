"""Connections by https: they count from their first moment, before client and node agree on keys.

    accepted ─▶ agree on keys ─▶ Connection, as by http
                      └───────── closed: too slow, no TLS, or somebody else needs the place

asyncio's own servers show a connection only once that is done: thousands of clients that say
nothing would have all descriptors of the node.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Final

from scheduler.api.limits.connection import Connection
from scheduler.api.limits.server import Server

HANDSHAKE_S: Final = 10.0
"""How long a client may take to agree on keys and send the header of its first request."""
SHUTDOWN_S: Final = 2.0
"""How long a client may take to confirm the end of a connection."""
AGAIN_S: Final = 0.1
"""The pause after an accept that failed: there is no descriptor, for instance."""


class Handshake:
    """A connection that has no keys yet: what `Connection` needs to know of it."""

    def __init__(self, accepted: socket.socket, client: tuple[object, ...]) -> None:
        self._accepted = accepted
        self._client = client
        self.task: asyncio.Task[None] | None = None

    def get_extra_info(self, name: str) -> object:
        """As of a transport: the address of the client."""
        return self._client if name == "peername" else None

    def get_write_buffer_size(self) -> int:
        """As of a transport: nothing is written yet."""
        return 0

    def abort(self) -> None:
        """Close it."""
        if self.task is not None:
            self.task.cancel()


class Handshakes:
    """Accepts the clients of a server by https.

    Args:
        server: serves the connections.
        context: has the node's certificate.
    """

    def __init__(self, server: Server, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context

    async def accept(self, listening: socket.socket) -> None:
        """Accept clients of a socket for ever; a background task."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    accepted, client = await loop.sock_accept(listening)
                except OSError:
                    await asyncio.sleep(AGAIN_S)
                    continue
                handshake = Handshake(accepted, client)
                connection = self._server()
                handshake.task = group.create_task(
                    self._agree(connection, accepted), name="agree on keys"
                )
                connection.accepted(handshake)

    async def _agree(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            # Those of `ssl` are OSErrors; uvloop says RuntimeError of what was closed meanwhile.
            with suppress(OSError, RuntimeError):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: connection,
                    accepted,
                    ssl=self._context,
                    ssl_handshake_timeout=HANDSHAKE_S,
                    ssl_shutdown_timeout=SHUTDOWN_S,
                )
        finally:
            if connection.transport is None:
                accepted.close()
                self._server.closed(connection)
