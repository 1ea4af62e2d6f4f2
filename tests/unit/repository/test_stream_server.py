"""The server of a test leaves no connection behind, whenever its block ends."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress

import pytest

from tests.support.servers.stream_server import stream_server


async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def stall() -> None:
    """A machine so busy that a sleep is over at the next turn of the event loop."""
    while True:
        time.sleep(0.005)  # noqa: ASYNC251 - what blocks the loop
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_at_the_end_is_closed_too(turns: int) -> None:
    asyncio.get_running_loop().slow_callback_duration = 10
    async with asyncio.TaskGroup() as group:
        async with stream_server(wait) as port:
            stalling = group.create_task(stall(), name="stall")
            client = socket.create_connection(("127.0.0.1", port), timeout=5)
            for _ in range(turns):
                await asyncio.sleep(0)
        stalling.cancel()
    with client, suppress(ConnectionError):
        assert client.recv(1) == b"", "it is open"
