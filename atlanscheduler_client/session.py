"""HTTP by aiohttp, on a pool of kept connections, in one event loop of one process."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from socket import socket
from typing import NamedTuple

import aiohttp
from yarl import URL

from atlanscheduler_client.address import address
from atlanscheduler_client.calls import Request
from atlanscheduler_client.forks import keep_from_children
from atlanscheduler_client.lines import LineSplitter
from atlanscheduler_client.problems import Lost, Unreachable, untrusted
from atlanscheduler_client.responses import Response, require_stream


class AsyncLineStream(NamedTuple):
    """A response that is read line by line as it arrives."""

    response: Response
    lines: AsyncIterator[str]


class _Opened(NamedTuple):
    """An open session of aiohttp, and where it may be used."""

    http: aiohttp.ClientSession
    loop: asyncio.AbstractEventLoop
    pid: int

    @property
    def is_alive(self) -> bool:
        """Whether it can still be used somewhere in this process."""
        return self.pid == os.getpid() and not self.loop.is_closed()

    def here(self) -> aiohttp.ClientSession:
        """The session, if it belongs here: elsewhere it would hang, or read others' responses.

        Raises:
            RuntimeError: it belongs to another event loop, or to the process before a fork.
        """
        if self.pid != os.getpid():  # asked first: right after a fork, there is no running loop
            raise RuntimeError(
                "this AsyncClient was opened before a fork: open another one in this process"
            )
        if self.loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "this AsyncClient belongs to another event loop: open another one in this loop"
            )
        return self.http


class Session:
    """Sends requests to one node, many at a time."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        node = address(url)
        self._url = url
        self._base = node.origin + node.prefix
        self._timeout_s = timeout_s
        self._headers = headers
        self._opened: _Opened | None = None

    async def open(self) -> None:
        """Open the session, for the event loop that runs.

        Raises:
            RuntimeError: it is open, here or in another event loop.
        """
        if self._opened is not None and self._opened.is_alive:
            raise RuntimeError("this AsyncClient is open already: open another one")
        connector = aiohttp.TCPConnector(socket_factory=_socket)
        http = aiohttp.ClientSession(headers=self._headers, connector=connector)
        self._opened = _Opened(http, asyncio.get_running_loop(), os.getpid())

    async def close(self) -> None:
        """Close all connections; in a forked process, forget them.

        Raises:
            RuntimeError: it belongs to another event loop.
        """
        if self._opened is not None and self._opened.pid == os.getpid():
            await self._opened.here().close()
        self._opened = None

    async def ask(self, request: Request) -> Response:
        """Send a request, and read the whole response.

        Raises:
            Unreachable: there was no response.
        """
        try:
            async with self._send(request) as response:
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncLineStream]:
        """Send a request, and read the response line by line.

        Raises:
            Unreachable: there was no response.
            Problem: the node refuses the request.
        """
        try:
            response = await self._send(request)
            failed = response.status >= 300
            head = await self._read(response) if failed else self._head(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            require_stream(head, request.media)
            yield AsyncLineStream(head, _lines(response))

    def _head(self, response: aiohttp.ClientResponse) -> Response:
        return Response(self._url, response.status, response.headers)

    async def _read(self, response: aiohttp.ClientResponse) -> Response:
        return replace(self._head(response), body=await response.read())

    def _send(self, request: Request) -> aiohttp.client._RequestContextManager:
        if self._opened is None:
            raise RuntimeError("an AsyncClient is to be used as `async with AsyncClient(url)`")
        silence_s = self._timeout_s + request.wait_s
        return self._opened.here().request(
            request.method,
            URL(self._base + request.path, encoded=True),
            data=request.body,
            headers=request.headers,
            timeout=aiohttp.ClientTimeout(
                connect=self._timeout_s, sock_read=silence_s if math.isfinite(silence_s) else None
            ),
            allow_redirects=False,
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return untrusted(self._url, error.certificate_error)
        return Unreachable(f"no node answers at {self._url}: {_reason(error)}")


def _socket(address: aiohttp.AddrInfoType) -> socket:
    family, kind, protocol, *_ = address
    sock = socket(family, kind, protocol)
    keep_from_children(sock)
    return sock


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    splitter = LineSplitter()
    try:
        async for piece in response.content.iter_any():
            for line in splitter.feed(piece):
                yield line
    except (aiohttp.ClientError, OSError) as error:
        raise Lost(f"the stream broke: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return "it is silent" if isinstance(error, TimeoutError) else str(error)
