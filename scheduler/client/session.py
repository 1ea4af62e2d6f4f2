"""HTTP over aiohttp: a pool of kept connections."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
from yarl import URL

from scheduler.client.address import address
from scheduler.client.answers import Answer, require_done
from scheduler.client.calls import Request
from scheduler.client.lines import Lines
from scheduler.client.problems import Lost, Unreachable


class Stream(NamedTuple):
    """An answer that is read as it comes."""

    status: int
    lines: AsyncIterator[str]


class Session:
    """Speaks HTTP with one node."""

    def __init__(self, url: str, *, timeout_s: float, headers: Mapping[str, str]) -> None:
        to = address(url)
        self._url = url
        self._base = to.origin + to.prefix
        self._timeout_s = timeout_s
        self._headers = headers
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Begin; aiohttp wants a running loop for it."""
        self._http = aiohttp.ClientSession(headers=self._headers)

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def ask(self, request: Request) -> Answer:
        """Send a request, and read its answer whole.

        Raises:
            Unreachable: none came.
        """
        try:
            async with self._sent(request) as response:
                return await _whole(response)
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Send a request, and read its answer line by line.

        Raises:
            Unreachable: none came.
            Problem: the node will not do it.
        """
        try:
            response = await self._sent(request)
            if response.status >= 300:
                require_done(await _whole(response))
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            yield Stream(response.status, _lines(response))

    def _sent(self, request: Request) -> aiohttp.client._RequestContextManager:
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


async def _whole(response: aiohttp.ClientResponse) -> Answer:
    return Answer(response.status, response.headers.get("Link"), await response.read())


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[str]:
    lines = Lines()
    try:
        async for piece in response.content.iter_any():
            for line in lines.feed(piece):
                yield line
    except (aiohttp.ClientError, OSError) as error:
        raise Lost(f"the stream broke: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return "it is silent" if isinstance(error, TimeoutError) else str(error)
