"""Connections to the server: what redis-py is told, and what is different from its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import hiredis
import redis.asyncio as aioredis
from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from scheduler.basics.urls import redacted
from scheduler.core.errors import StartError
from scheduler.queue.addresses import FORMS, Address, parsed
from scheduler.queue.locating import Locator, locator

ANSWER_S: Final = 2.0
"""How long a command may take; a slower server counts as away."""

CONNECTIONS_MAX: Final = 16
"""Connections for commands; more callers wait in line, for as long as `answering` lets them."""

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""The longest answer: 30 MB is what a full page of changes may take. A server allows entries of
512 MB, and whoever can write one must not fill the memory of each node."""

FILES: Final = ("ssl_certfile", "ssl_keyfile", "ssl_ca_certs", "ssl_ca_path")
"""The parameters of a URL that name a file or a folder."""

_Pool = TypeVar("_Pool", bound="ConnectionPool")


def open_pools(
    url: str, *, key: str
) -> tuple[aioredis.BlockingConnectionPool, aioredis.ConnectionPool]:
    """Connections for commands and for what blocks; none is open yet.

    Raises:
        StartError: the URL is wrong, or a file that it names cannot be used.
    """
    try:
        address = parsed(url)
        # A lost command is sent a second time at once, for the server may merely have restarted;
        # every write is safe to repeat. A blocking one is not: nobody would know the id that the
        # first moved.
        commands = _pool(
            _Commands,
            address,
            key=key,
            max_connections=CONNECTIONS_MAX,
            timeout=None,
            retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        )
        # Without any error to retry, redis-py does not reconnect pub/sub by itself either.
        blocking = _pool(
            aioredis.ConnectionPool,
            address,
            key=key,
            retry=Retry(NoBackoff(), 0, supported_errors=()),
        )
    except (ValueError, TypeError, RedisError) as error:
        raise StartError(
            f"[queue] url: {redacted(url)} is not allowed; it takes {FORMS}"
        ) from error
    return commands, blocking


def _pool(kind: type[_Pool], address: Address, *, key: str, **options: object) -> _Pool:
    """A pool of connections with text and RESP2, which keeps messages apart from answers."""
    pool = kind.from_url(
        address.url,
        protocol=2,
        decode_responses=True,
        encoding_errors="surrogateescape",  # so that what is no UTF-8 can be sent back as it was
        parser_class=_Parser,
        driver_info=None,  # no CLIENT SETINFO, which few servers know and many users may not send
        socket_timeout=None,
        socket_connect_timeout=ANSWER_S,
        **options,
    )
    plain = pool.connection_class
    if issubclass(plain, SSLConnection):
        # Else OpenSSL asks for the password of the key on the terminal, and the node waits.
        pool.connection_kwargs.setdefault("ssl_password", "")
    locate = locator(address, plain, pool.connection_kwargs, key=key)
    mixins = (_Packed, plain) if locate is None else (_Located, _Packed, plain)
    pool.connection_class = type("Connection", mixins, {"locate": locate})
    # Does not connect yet, but raises for a wrong option in the URL.
    connection = pool.make_connection()  # type: ignore[no-untyped-call]
    if isinstance(connection, SSLConnection):
        _check_files(connection, pool.connection_kwargs)
    return pool


def _check_files(connection: SSLConnection, options: Mapping[str, Any]) -> None:
    """Load what the URL names, now: later it would look like a server that is away."""
    for name in FILES:
        path = options.get(name)
        if path is not None and not os.access(path, os.R_OK):
            reason = "cannot be read" if os.path.exists(path) else "there is no such file"  # noqa: PTH110
            raise StartError(f"[queue] url: {name} = {path}: {reason}")
    try:
        connection.ssl_context.get()
    except (OSError, ValueError) as error:
        named = ", ".join(f"{name} = {options[name]}" for name in FILES if name in options)
        raise StartError(f"[queue] url: {named}: cannot be used: {error}") from error


class _Commands(aioredis.BlockingConnectionPool):
    """The pool for commands. A free connection is taken and given back in one step.

    redis-py takes a lock, a timeout and several records for its own metrics each time, which is
    more than a third of what a command costs. It still does wherever a caller must wait or connect.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's
        super().__init__(**options)
        self._waiting = 0
        """Callers that wait for a connection: each one that is given back must be told to them."""

    async def get_connection(self, *arguments: Any, **options: Any) -> AbstractConnection:  # noqa: ANN401 - redis-py's
        if self._available_connections and not self._waiting:
            connection = self._available_connections.pop()
            if await _is_ready(connection):
                self._in_use_connections.add(connection)
                return connection
            self._available_connections.append(connection)
        self._waiting += 1
        try:
            found: AbstractConnection = await super().get_connection(  # type: ignore[no-untyped-call]
                *arguments, **options
            )
            return found
        finally:
            self._waiting -= 1

    async def release(self, connection: AbstractConnection) -> None:
        if self._waiting or connection.should_reconnect():  # type: ignore[no-untyped-call]
            await super().release(connection)
        else:
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)


async def _is_ready(connection: AbstractConnection) -> bool:
    """Whether a command can be sent on it: it is open, and nothing is left to be read."""
    try:
        return connection.is_connected and not await connection.can_read()
    except (ConnectionLost, OSError):
        return False


class _Parser(aioredis.connection.DefaultParser):  # type: ignore[misc, valid-type]
    """Reads answers up to a limit."""

    __slots__ = ("_left",)

    async def read_response(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's
        self._left = ANSWER_BYTES_MAX
        return await super().read_response(*arguments, **options)

    async def read_from_socket(self) -> bool:
        found = await self._stream.read(self._read_size)
        if not found:
            raise ConnectionLost("the server closed the connection")
        self._left -= len(found)
        if self._left < 0:
            raise ConnectionLost(f"an answer is longer than {ANSWER_BYTES_MAX} bytes")
        self._reader.feed(found)
        return True


class _Packed:
    """Mixin for a connection: hiredis packs the commands. redis-py uses it only for answers."""

    def pack_command(self, *command: str | bytes | float) -> list[bytes]:
        name, *arguments = command
        words: tuple[Any, ...] = (*str(name).encode().split(), *arguments)
        try:
            return [hiredis.pack_command(words)]
        except UnicodeEncodeError:
            return [hiredis.pack_command(tuple(map(_bytes, words)))]


class _Located:
    """Mixin for a connection: asks where the server is whenever it connects."""

    locate: Locator
    host: str
    port: int

    async def _connect(self) -> None:
        self.host, self.port = await type(self).locate()
        await super()._connect()  # type: ignore[misc]


def _bytes(word: Any) -> Any:  # noqa: ANN401 - whatever hiredis takes
    return word.encode(errors="surrogateescape") if isinstance(word, str) else word
