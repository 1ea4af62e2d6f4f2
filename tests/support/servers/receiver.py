"""A receiver of hooks: a real HTTP server on loopback, which records requests.

receiver   answers 204, or what a test sets for the next requests
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import web

from tests.support.eventually import eventually

LOOPBACK = '["127.0.0.0/8"]'
"""The setting `HOOKS__ALLOW` of a node that may call a receiver."""


@dataclass(frozen=True)
class Received:
    """One request with its whole body."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


class Receiver:
    """Records requests, and answers as the test sets."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[web.Response] = []
        """The answers to the next requests, in this order; then 204."""
        self.answering = asyncio.Event()
        """While cleared, it accepts requests and does not answer."""
        self.answering.set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(headers, await request.read()))
        await self.answering.wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    async def gets(self, number: int) -> list[Received]:
        """Wait until it has got this many requests in all."""
        await eventually(
            lambda: len(self.received) >= number, within_s=20, saying=f"{number} requests came"
        )
        assert len(self.received) == number
        return self.received


@asynccontextmanager
async def receiving(port: int = 0, *, host: str = "127.0.0.1") -> AsyncIterator[Receiver]:
    """A receiver that listens during the block."""
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.answer))  # type: ignore[arg-type]
    await runner.setup()
    await web.TCPSite(runner, host, port, reuse_address=True).start()
    receiver.url = f"http://{host}:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture(name="receiver")
async def receiver_fixture() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
