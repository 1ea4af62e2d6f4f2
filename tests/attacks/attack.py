"""What an attack is, and the sockets and requests that attacks are made of."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import urlsplit

import aiohttp

CONNECTIONS_AT_ONCE: Final = 100
"""How many connections are being opened at a time: as many as any backlog takes."""
AGAIN_S: Final = 0.05
"""The pause before a connection that was lost is opened again."""


@dataclass(frozen=True)
class Target:
    """The node to attack, and what its users have there."""

    url: str
    big: str = "big"
    """A user whose list of jobs is as long as a page may be."""
    task: str = "echo"
    """A handler that ends at once."""

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port


Run = Callable[[Target, Callable[[], None]], Coroutine[None, None, None]]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One way to attack a node."""

    name: str
    run: Run
    """Attacks until it is cancelled, and calls the second argument once the attack stands."""
    descriptors: int = 4096
    """The limit of open files of the node."""


Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """A request as bytes; with a body, of its length unless the headers say another one."""
    fields = {"Host": "localhost", **(headers or {})}
    if body is not None:
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **fields}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + (body or b"")


async def listed(target: Target, uid: str) -> list[str]:
    """The ids of some jobs of a user."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{target.url}/{uid}", params={"limit": 1}) as answer,
    ):
        return [job["id"] for job in await answer.json()]


async def hold(target: Target, standing: Callable[[], None], number: int, act: Act) -> None:
    """Do the same on a number of connections, each time anew when the node has closed one."""
    opened, gate = count(1), asyncio.Semaphore(CONNECTIONS_AT_ONCE)

    async def one() -> None:
        first = True
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with gate:
                    reader, writer = await _connection(target)
                if first and next(opened) == number:
                    standing()
                first = False
                try:
                    await act(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(AGAIN_S)

    async with asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(one())


async def until_closed(reader: asyncio.StreamReader) -> None:
    """Read and forget, until the node closes the connection."""
    while await reader.read(65536):
        pass


async def unread(writer: asyncio.StreamWriter) -> None:
    """Read nothing, until the node closes the connection."""
    transport = writer.transport
    while not transport.is_closing():
        await asyncio.sleep(AGAIN_S)
        if _reset(transport.get_extra_info("socket")):
            return


def _reset(peer: socket.socket) -> bool:
    return peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0 or _is_closed(peer)


def _is_closed(peer: socket.socket) -> bool:
    """Whether the node's side is gone, looked up without reading: TCP_INFO's first byte."""
    state = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != 1  # TCP_ESTABLISHED


async def _connection(target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    peer = socket.socket()
    peer.settimeout(0)
    # Small, so that an answer that nobody reads stays with the node.
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await asyncio.get_running_loop().sock_connect(peer, target.address)
    except BaseException:
        peer.close()
        raise
    return await asyncio.open_connection(sock=peer, limit=1024)
