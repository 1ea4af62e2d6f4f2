"""Attacks by connections: half a header, silence, answers that nobody reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.attacks.attack import Target, hold, listed, request, unread, until_closed

HALF = b"GET /-/health HTTP/1.1\r\nHost: local"


async def half_headers(target: Target, standing: Callable[[], None]) -> None:
    """More connections than the node has descriptors, each with half a header."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HALF)
        await until_closed(reader)

    await hold(target, standing, 1200, act)


async def slow_headers(target: Target, standing: Callable[[], None]) -> None:
    """Headers that come a byte a second."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HALF)
        while not reader.at_eof():
            await asyncio.sleep(1)
            writer.write(b"x")

    await hold(target, standing, 1200, act)


async def idle_connections(target: Target, standing: Callable[[], None]) -> None:
    """Connections that are kept alive after one request."""
    wanted = request("GET", "/-/health")

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wanted)
        await until_closed(reader)

    await hold(target, standing, 1200, act)


async def unread_lists(target: Target, standing: Callable[[], None]) -> None:
    """Lists of 8 MB that nobody reads."""
    wanted = request("GET", f"/{target.big}?limit=1000")

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(wanted)
        await unread(writer)

    await hold(target, standing, 40, act)


async def unread_jobs(target: Target, standing: Callable[[], None]) -> None:
    """Jobs of 2 MB that nobody reads, asked for on many connections at the same moment."""
    jobs = await listed(target, target.big)
    wanted = request("GET", f"/{target.big}/{jobs[0]}?wait=1")

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(wanted)
        await unread(writer)

    await hold(target, standing, 400, act)


async def pipelines(target: Target, standing: Callable[[], None]) -> None:
    """Thousands of requests at once behind one that waits, with long headers."""
    waiting = request("GET", f"/{target.big}?limit=1000")
    behind = request("GET", "/-/health", {f"X-{n}": "x" * 8000 for n in range(100)})

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(waiting + behind * 40)
        await unread(writer)

    await hold(target, standing, 40, act)
