"""HTTP by aiohttp, on a pool of kept connections."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from yarl import URL

from scheduler.client.address import address
from scheduler.client.calls import Request
from scheduler.client.lines import LineSplitter
from scheduler.client.problems import Lost, Unreachable
from scheduler.client.responses import Response, raise_for_problem


class AsyncLineStream(NamedTuple):
    """A response that is read line by line as it arrives."""

    status: int
    lines: AsyncIterator[str]


class Session:
    """Sends requests to one node, many at a time."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        node = address(url)
        self._url = url
        self._base = node.origin + node.prefix
        self._timeout_s = timeout_s
        self._headers = headers
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the session; aiohttp needs a running event loop for this."""
        self._http = aiohttp.ClientSession(headers=self._headers)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def ask(self, request: Request) -> Response:
        """Send a request, and read the whole response.

        Raises:
            Unreachable: there was no response.
        """
        try:
            async with self._send(request) as response:
                return await _read(response)
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
            if response.status >= 300:
                raise_for_problem(await _read(response))
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            yield AsyncLineStream(response.status, _lines(response))

    def _send(self, request: Request) -> aiohttp.client._RequestContextManager:
        if self._http is None:
            raise RuntimeError("an AsyncClient is to be used as `async with AsyncClient(url)`")
        silence_s = self._timeout_s + request.wait_s
        return self._http.request(
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
        return Unreachable(f"no node answers at {self._url}: {_reason(error)}")


async def _read(response: aiohttp.ClientResponse) -> Response:
    return Response(response.status, response.headers.get("Link"), await response.read())


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
