"""A server of a test's own; when its block ends, so have its connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def stream_server(handle: Handle) -> AsyncIterator[int]:
    """Serve each connection with `handle`, and close it then or at the end; the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):  # the end of the block cancels it
                await handle(reader, writer)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await close(server)
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await turns()  # what was aborted is closed


async def close(server: asyncio.Server) -> None:
    """Close a server once those that it has just accepted have begun.

    asyncio would lose one that it has accepted, and has no transport for yet.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await turns()
    server.close()


async def turns() -> None:
    """Let what the event loop has begun go on as far as it can without waiting for anything.

    From the accepting of a connection to the first line that serves it, asyncio takes four turns of
    the loop. A sleep is no bound: after a stall of the machine it ends at the next turn.
    """
    for _ in range(10):
        await asyncio.sleep(0)
