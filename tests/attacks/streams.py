"""Attacks by what lasts: events that nobody reads, or that many read, and waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from tests.attacks.attack import Act, Target, hold, request, unread, until_closed

JOBS = 500
SUBMIT_S = 3.0
"""How often so many jobs are submitted: about as many as end meanwhile."""


async def unread_events(target: Target, standing: Callable[[], None]) -> None:
    """Streams of all events with all lines that nobody reads, and jobs by the hundred."""

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request("GET", "/-/events?log=true"))
        await unread(writer)

    await _with_jobs(target, standing, 300, act)


async def read_events(target: Target, standing: Callable[[], None]) -> None:
    """The same streams, which are read: each event is sent to each of them."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request("GET", "/-/events?log=true"))
        await until_closed(reader)

    await _with_jobs(target, standing, 300, act)


async def too_many_events(target: Target, standing: Callable[[], None]) -> None:
    """More streams than a node has, and each that is refused tried again at once."""

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request("GET", "/-/events"))
        await until_closed(reader)

    await _with_jobs(target, standing, 1000, act)


async def waits(target: Target, standing: Callable[[], None]) -> None:
    """Thousands that wait for the end of one job."""
    path = await _first_job(target, "survivor")

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request("GET", f"{path}?wait=60"))
        await until_closed(reader)

    await hold(target, standing, 3000, act)


async def _with_jobs(target: Target, standing: Callable[[], None], number: int, act: Act) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(hold(target, standing, number, act))
        group.create_task(_submit(target))


async def _submit(target: Target) -> None:
    """Submit jobs as long as the attack lasts."""
    job = {"uid": "flood", "task": target.task, "data": None}
    wanted = request("POST", "/", None, json.dumps([job] * JOBS).encode())

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(wanted)
            if not await reader.read(1_000_000):
                return
            await asyncio.sleep(SUBMIT_S)

    await hold(target, lambda: None, 1, act)


async def _first_job(target: Target, uid: str) -> str:
    """The path of the newest job of a user."""
    reader, writer = await asyncio.open_connection(*target.address)
    writer.write(request("GET", f"/{uid}", {"Connection": "close"}))
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    return f"/{uid}/{json.loads(body)[0]['id']}"
