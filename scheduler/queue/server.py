"""The Redis or Valkey server: two clients, and one translation of its errors.

`commands` is for commands that take milliseconds; it sends a lost command a second time, and many
callers share few connections. `blocking` waits for ids and messages, and sends nothing twice.

All timeouts are set by `Server.answering`, none by redis-py: that would end a blocking command
after 5 s, and writes through `asyncio.wait_for`, which can swallow a cancellation on Python 3.11.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import hiredis
import redis.asyncio as aioredis
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import InvalidResponse, RedisError, ResponseError
from redis.exceptions import TimeoutError as NoReply

from scheduler.basics.outage import Outage
from scheduler.basics.urls import redacted
from scheduler.core.errors import QueueUnavailable, StartError

ANSWER_S: Final = 2.0
"""How long a command may take; a slower server counts as away."""

CONNECTIONS_MAX: Final = 16
"""Connections for commands; more callers than these wait in line, for at most `ANSWER_S`."""

VERSION_MIN: Final = (6, 2)
"""The first Redis with LMOVE and BLMOVE; every Valkey has them."""

REFUSALS: Final = {
    *("BUSY", "CLUSTERDOWN", "EXECABORT", "LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOPERM"),
    *("NOREPLICAS", "OOM", "READONLY", "TRYAGAIN", "UNBLOCKED"),
}
"""Error codes of a server that understood the command, but cannot or may not run it now."""

LOST: Final = (ConnectionLost, NoReply, TimeoutError, OSError)

_Pool = TypeVar("_Pool", bound="ConnectionPool")


class Server(NamedTuple):
    """Two clients of one server."""

    where: str
    """The server's name in messages, without its password."""
    commands: Redis
    blocking: Redis
    outage: Outage

    @asynccontextmanager
    async def answering(self, *, within_s: float | None = ANSWER_S) -> AsyncIterator[None]:
        """Limit the block, which waits for the server, to so many seconds; None for no limit.

        Raises:
            QueueUnavailable: it did not answer, or answered that it cannot take the call now.
        """
        try:
            async with asyncio.timeout(within_s):
                yield
        except LOST as error:
            reason = str(error) or f"nothing came within {within_s} s"
            raise self._unavailable(f"does not answer: {reason}") from error
        except ResponseError as error:
            if _code(error) not in REFUSALS:
                raise
            raise self._unavailable(f"refuses: {error}") from error
        self.outage.answered()

    def _unavailable(self, reason: str) -> QueueUnavailable:
        error = QueueUnavailable(f"{self.where} {reason}")
        self.outage.failed(error)
        return error

    async def run_id(self) -> str:
        """The random id of this run of the server; it changes with a restart or a failover."""
        facts = await self.commands.info("server")
        return str(facts["run_id"])


@asynccontextmanager
async def open_server(url: str, *, where: str | None = None) -> AsyncIterator[Server]:
    """Connect to a server, and close every connection at the end.

    Raises:
        StartError: the URL is wrong or leads to something else, or the server is too old.
        QueueUnavailable: no server answers there.
    """
    # A lost command is sent a second time at once, for the server may merely have restarted; every
    # write is safe to repeat. A blocking one is not: nobody would know the id that the first moved.
    commands = _pool(
        aioredis.BlockingConnectionPool,
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )
    # Without any error to retry, redis-py does not reconnect pub/sub by itself either.
    blocking = _pool(aioredis.ConnectionPool, url, retry=Retry(NoBackoff(), 0, supported_errors=()))
    async with (
        aioredis.Redis.from_pool(commands) as short,
        aioredis.Redis.from_pool(blocking) as long,
    ):
        name = where or f"the queue at {redacted(url)}"
        server = Server(name, short, long, Outage("the queue"))
        await _check_version(server)
        yield server


def _pool(kind: type[_Pool], url: str, **options: object) -> _Pool:
    """A pool of connections with text and RESP2, which keeps messages apart from answers."""
    try:
        database = urlsplit(url).path.strip("/")
        if not url.startswith("unix:") and database and not database.isdecimal():
            raise ValueError("redis-py would silently take database 0")  # noqa: TRY301
        pool = kind.from_url(
            url,
            protocol=2,
            decode_responses=True,
            socket_timeout=None,
            socket_connect_timeout=ANSWER_S,
            **options,
        )
        pool.connection_class = type("Connection", (_Packed, pool.connection_class), {})
        # Does not connect yet, but raises for a wrong option in the URL.
        pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, RedisError) as error:
        raise StartError(
            f'[queue] url: {redacted(url)} is not allowed; it takes "embedded",'
            " redis://host:port/database, rediss://host:port/database or unix:///path"
        ) from error
    return pool


class _Packed:
    """Mixin for a connection: hiredis packs the commands. redis-py uses it only for answers."""

    def pack_command(self, *command: str | bytes | float) -> list[bytes]:
        name, *arguments = command
        words: tuple[Any, ...] = (*str(name).encode().split(), *arguments)
        return [hiredis.pack_command(words)]


async def _check_version(server: Server) -> None:
    try:
        async with server.answering():
            facts = await server.commands.info("server")
    except InvalidResponse as error:
        raise StartError(f"[queue] url: {server.where}: what answers there is not Redis") from error
    except ResponseError as error:  # the server has no such command, or no such database
        raise StartError(f"[queue] url: {server.where} refuses: {error}") from error
    version = str(facts["redis_version"])
    if tuple(map(int, version.split(".")[:2])) < VERSION_MIN:
        required = ".".join(map(str, VERSION_MIN))
        raise StartError(f"[queue] url: {server.where} is Redis {version}; {required} is required")


def _code(error: ResponseError) -> str:
    """The first word of the server's answer; redis-py removes it where it has a class for it."""
    return error.status_code or str(error).partition(" ")[0]
