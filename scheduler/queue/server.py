"""The Redis or Valkey server: two clients, and one translation of its errors.

`commands` is for commands that take milliseconds; it sends a lost command a second time, and many
callers share few connections. `blocking` waits for ids and messages, and sends nothing twice.

All timeouts are set by `Server.answering`, none by redis-py: that would end a blocking command
after 5 s, and writes through `asyncio.wait_for`, which can swallow a cancellation on Python 3.11.

Whatever the server answers, it is an outage at most: it is logged once, and the callers try again.
What may last as long as the connections do, because they lead to a server that is not the master
any more, or is not there, ends with them: `reconnect` closes all, and new ones find the master.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import redis.asyncio as aioredis
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from scheduler.basics.outage import Outage
from scheduler.basics.urls import redacted
from scheduler.core.errors import QueueUnavailable, StartError
from scheduler.queue.connections import ANSWER_S, open_pools
from scheduler.queue.refusals import LOST, NONSENSE, is_not_here, line, may_pass, told, why_lost

VERSION_MIN: Final = (6, 2)
"""The first Redis with LMOVE; every Valkey has it."""

RECONNECT_S: Final = 1.0
"""At least so long between two times that all connections are closed: as long as an outage lasts,
each call fails, and what the first failures began must have time to work."""


class Server:
    """Two clients of one server."""

    def __init__(
        self, where: str, commands: Redis, blocking: Redis, *, is_plain: bool = True
    ) -> None:
        """`where` is the server's name in messages, without its password."""
        self.where = where
        self.is_plain = is_plain
        """Whether the URL names the server itself: no sentinels, no nodes of a cluster."""
        self.commands = commands
        self.blocking = blocking
        self.outage: Outage | None = None
        """Told of failures, once there is one: those at the start end the start, in one line."""
        self.wrong_type = asyncio.Event()
        """Set when a key turned out to be of a type that this scheduler does not give it."""
        self._run_id: str | None = None
        self._astray = asyncio.Event()
        """Set when the connections may lead to the wrong server."""
        self._closings = 0
        """How often all connections were closed, to be opened anew."""

    @asynccontextmanager
    async def answering(self, *, within_s: float | None = ANSWER_S) -> AsyncIterator[None]:
        """Limit the block, which waits for the server, to so many seconds; None for no limit.

        Raises:
            QueueUnavailable: it did not answer, or answered that it cannot take the call now, or
                what is no answer to it.
        """
        closings = self._closings
        try:
            async with asyncio.timeout(within_s):
                yield
        except LOST as error:
            if closings != self._closings:
                # We closed the connection. Taken for the server's loss, it would be closed again.
                raise QueueUnavailable(f"{self.where} was connected to anew") from error
            self._astray.set()
            reason = why_lost(error, self.where) or f"nothing came within {within_s} s"
            raise self._unavailable(f"does not answer: {reason}") from error
        except ResponseError as error:
            self._classify(error)
            raise self._unavailable(f"refuses: {told(error)}") from error
        except NONSENSE as error:
            self._astray.set()
            nonsense = f"answers what makes no sense: {type(error).__name__}: {error}"
            raise self._unavailable(nonsense) from error
        if self.outage is not None:
            self.outage.answered()

    async def run_id(self) -> str:
        """The random id of this run of the server; it changes with a restart or a failover."""
        facts = await self.commands.info("server")
        before, self._run_id = self._run_id, str(facts["run_id"])
        if before not in {None, self._run_id}:
            # Some connections lead to another server now. Those that only wait may not.
            self._astray.set()
        return self._run_id

    async def reconnect(self) -> None:
        """Close all connections whenever they may lead to the wrong server; a background task.

        Also those that wait: a subscription on a server that is gone would wait for ever.
        """
        while True:
            await self._astray.wait()
            self._astray.clear()  # first: a connection that opens meanwhile may go astray, too
            self._closings += 1
            for client in (self.commands, self.blocking):
                await _disconnect(client.connection_pool)
            await asyncio.sleep(RECONNECT_S)

    def _classify(self, error: ResponseError) -> None:
        if is_not_here(error):
            self._astray.set()
        elif "WRONGTYPE" in str(error):
            self.wrong_type.set()

    def _unavailable(self, reason: str) -> QueueUnavailable:
        error = QueueUnavailable(f"{self.where} {line(reason)}")
        if self.outage is not None:
            self.outage.failed(error)
        return error


@asynccontextmanager
async def open_server(url: str, *, key: str, where: str | None = None) -> AsyncIterator[Server]:
    """Connect to a server, and close every connection at the end.

    `key` is any of the keys in use: in a cluster, the server is the master that has it.

    Raises:
        StartError: the URL is wrong or leads to something else, or the server is too old.
        QueueUnavailable: no server answers there.
    """
    commands, blocking = open_pools(url, key=key)
    async with (
        aioredis.Redis.from_pool(commands) as short,
        aioredis.Redis.from_pool(blocking) as long,
    ):
        is_plain = "+" not in url.partition(":")[0]
        server = Server(where or f"the queue at {redacted(url)}", short, long, is_plain=is_plain)
        await _check_version(server)
        yield server


async def _disconnect(pool: ConnectionPool) -> None:
    """Close the connections, without a wait for the other side.

    `pool.disconnect` waits, and then also takes the connection from one that has opened it again.
    """
    for connection in (*pool._available_connections, *pool._in_use_connections):  # noqa: SLF001
        with suppress(RedisError, OSError):
            await connection.disconnect(nowait=True)


async def _check_version(server: Server) -> None:
    try:
        async with server.answering():
            facts = await server.commands.info("server")
            version = str(facts["redis_version"])
            too_old = tuple(map(int, version.split(".")[:2])) < VERSION_MIN
    except QueueUnavailable as error:
        # The server has no such command, or no such database; or it is something else.
        if isinstance(error.__cause__, InvalidResponse):
            reason = f"{server.where}: what answers there is not Redis"
        elif isinstance(error.__cause__, NONSENSE) and not may_pass(error.__cause__):
            reason = str(error)
        else:
            raise
        raise StartError(f"[queue] url: {reason}") from error
    if too_old:
        required = ".".join(map(str, VERSION_MIN))
        raise StartError(f"[queue] url: {server.where} is Redis {version}; {required} is required")
