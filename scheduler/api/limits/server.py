"""The server: how many connections it has, and which of them it gives up.

            up to `most`                             the extra ones
    ┌─────────────────────────────────┬───────────────────────────────┐
      all requests                      aborts, health, readiness; 503 to the rest

Where all are taken and one more client comes, the connection that has been idle for the longest is
closed; if none is idle, the one that has been sending its header for the longest. Of the first few
of both, it is one of the address that has the most connections. So whoever sends a request at once
finds a place, and only connections with a request keep others out.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import chain, islice
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import HttpVersion10, HttpVersion11, RawRequestMessage
from aiohttp.streams import StreamReader

from scheduler.api.limits.connection import Connection
from scheduler.api.limits.load import Load
from scheduler.api.state import LOAD
from scheduler.basics.background import background

CONNECTIONS_MAX: Final = 4096
EXTRA_MAX: Final = 256
"""More than the system's queue of new connections, all of which can come at the same time."""
LOOK_S: Final = 1.0
"""One look a second at all connections, instead of a timer for each request."""
KEEP_ALIVE_S: Final = 75.0
"""Longer than proxies keep a connection that they do not use, so that they close it, not we."""
HEADER_S: Final = 10.0
NEW_S: Final = 0.1
"""A client has had no time yet to send its header."""
PRESSED_S: Final = 2.0
"""The patience with slow clients while connections or bytes are scarce."""
ANSWER_LAG_S: Final = 20.0
"""How long a client may read nothing of what was written for it; see `Pace`."""
LINGER_S: Final = 2.0
"""How long the rest of a refused body is read and forgotten, so that the client sees the answer."""
READ_BYTES: Final = 64 * 1024
"""How much of a body is read ahead of the view."""
LOOKED_AT: Final = 8
"""Connections of which one makes room."""
AHEAD_BYTES_MAX: Final = 32 * 1024 * 1024
"""What all clients together may have sent behind requests that are being handled."""


def connections_max() -> int:
    """The most connections: at most half of the descriptors, since jobs and stores need some."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return CONNECTIONS_MAX
    return min(CONNECTIONS_MAX, descriptors // 2)


class Server(web.Server):
    """An application's server with limits; it takes the place of `runner.server`."""

    def __init__(self, app: web.Server, load: Load, *, most: int) -> None:
        """Take over an application's server.

        Args:
            app: the server as aiohttp made it.
            load: what the application's requests hold.
            most: how many connections may be used for all requests.
        """
        super().__init__(
            app.request_handler,
            request_factory=self._request,
            handler_cancellation=True,  # a client that has gone waits for nothing
            access_log=None,
            auto_decompress=False,  # a small body can be a huge one, packed
            keepalive_timeout=KEEP_ALIVE_S,
            lingering_time=LINGER_S,
            read_bufsize=READ_BYTES,
        )
        self._app = app
        self._load = load
        self._most = most
        self._extra_max = min(EXTRA_MAX, most // 2)
        self._open: dict[Connection, None] = {}
        self._origins: Counter[str] = Counter()
        self._heads: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}
        self._answers: dict[Connection, int] = {}
        self._ahead_bytes = 0

    def __call__(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self, loop=self._loop, **self._kwargs)

    async def watch(self) -> None:
        """Give up connections whose clients are too slow, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look(self._loop.time())

    def look(self, now: float) -> None:
        """Give up the connections whose clients are too slow."""
        header_s = PRESSED_S if len(self._open) > self._most * 3 // 4 else HEADER_S
        lag_s = PRESSED_S if self._load.budget.is_tight else ANSWER_LAG_S
        for connection in list(self._heads):
            if now - connection.since <= header_s:
                break  # the others began later
            self.forget(connection)
            connection.give_up_header()
        for connection in list(self._open):
            if connection.is_stuck(now, lag_s):
                connection.drop()

    def opened(self, connection: Connection) -> None:
        """A client has connected."""
        connection.since = self._loop.time()
        self._open[connection] = self._heads[connection] = None
        self._origins[connection.origin] += 1
        if len(self._open) > self._most:
            self._make_room()

    def closed(self, connection: Connection) -> None:
        """The connection is gone."""
        self._leave(connection)
        self.forget(connection)

    def forget(self, connection: Connection) -> None:
        """Expect nothing more of a connection."""
        self._heads.pop(connection, None)
        self._idle.pop(connection, None)

    def expects(self, connection: Connection) -> None:
        """A header is coming."""
        if self._idle.pop(connection, self) is not self:
            connection.since = self._loop.time()
            self._heads[connection] = None

    def busy(self, connection: Connection) -> None:
        """A request has come."""
        self.forget(connection)
        in_use = len(self._open) - len(self._heads) - len(self._idle)
        connection.is_extra = in_use > self._most

    def idle(self, connection: Connection) -> None:
        """Its request is answered."""
        self._idle[connection] = None

    @contextmanager
    def answering(self, connection: Connection, size: int) -> Iterator[None]:
        """Count the bytes of an answer while it is being written."""
        budget = self._load.budget
        budget.held += size
        self._answers[connection] = size
        try:
            if budget.is_spent:
                self._drop_oldest_answer()
            yield
        finally:
            budget.held -= size
            self._answers.pop(connection, None)

    def hold(self, size: int) -> bool:
        """Count bytes that came ahead; False where all clients together sent too much."""
        self._ahead_bytes += size
        return self._ahead_bytes <= AHEAD_BYTES_MAX

    def _make_room(self) -> None:
        """Close a connection that is not used, unless the one that came has an extra place.

        Many may come in one turn of the loop, before any of their headers is read: those are not
        closed for one another as long as there is an extra place.
        """
        unused = chain(islice(self._idle, LOOKED_AT), islice(self._heads, LOOKED_AT))
        waiting = max(unused, key=lambda each: self._origins[each.origin])  # the first of the most
        if len(self._open) <= self._most + self._extra_max and self._is_new(waiting):
            return
        self._leave(waiting)
        waiting.drop()

    def _leave(self, connection: Connection) -> None:
        if self._open.pop(connection, self) is self:
            return
        self._origins[connection.origin] -= 1
        if not self._origins[connection.origin]:
            del self._origins[connection.origin]

    def _is_new(self, connection: Connection) -> bool:
        return self._loop.time() - connection.since < NEW_S

    def _drop_oldest_answer(self) -> None:
        """An answer that must be written needs the place of the one that waits the longest."""
        next(iter(self._answers)).drop()

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        """Make a request: what is no HTTP/1 is answered in HTTP/1.1."""
        if message.version not in (HttpVersion10, HttpVersion11) or message.method == "UNKNOWN":
            message = message._replace(version=HttpVersion11)
        request = self._app.request_factory(message, payload, protocol, writer, task)
        assert isinstance(protocol, Connection)  # noqa: S101 - `__call__` makes no others
        protocol.began(request)
        return request


class _Runner(web.ServerRunner):
    """Ends the streams of the application before it waits for requests to end."""

    def __init__(self, app: web.Application, server: Server, *, answer_s: float) -> None:
        super().__init__(server, shutdown_timeout=answer_s)
        self._application = app

    async def shutdown(self) -> None:
        """Tell the application."""
        await self._application.shutdown()


@asynccontextmanager
async def limited(
    app: web.Application, *, answer_s: float, most: int | None = None
) -> AsyncIterator[web.BaseRunner]:
    """A runner that serves an application within the limits; sites can be added to it.

    Args:
        app: with its `Load`.
        answer_s: how long open requests may take to end when the block ends.
        most: how many connections may be used for all requests; by default `connections_max`.
    """
    inner = web.AppRunner(app, access_log=None, handle_signals=False)
    await inner.setup()
    assert inner.server is not None  # noqa: S101 - it is set up
    most = most or connections_max()
    app[LOAD].fit(most)
    server = Server(inner.server, app[LOAD], most=most)
    runner = _Runner(app, server, answer_s=answer_s)
    await runner.setup()
    try:
        async with background(**{"watch connections": server.watch()}):
            yield runner
    finally:
        await runner.cleanup()
        await inner.cleanup()
