"""The embedded server: a Valkey or Redis child process of the node, on a Unix socket in `data_dir`.

    process    the child process: start, supervision, end
    files      its files in `data_dir`, and the locks on them
    program    finds the program to run

It is a real server, so a newcomer's first run uses the same code as production. It keeps an
append-only file, but nothing depends on that: a file that it cannot read is set aside, and the ids
in it are restored from the store. While the node lives, a server that dies is started again; when
the node ends, so does the server. A server that a killed node left behind is ended by the next
start.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from urllib.parse import quote

import structlog

from scheduler.basics.background import background
from scheduler.basics.file_lock import locked
from scheduler.core.errors import StartError
from scheduler.queue.embedded.files import ServerFiles, remove_socket, socket_path
from scheduler.queue.embedded.process import END_S, LOOK_S, ServerProcess, replies
from scheduler.queue.embedded.program import find_program

log = structlog.get_logger()


@asynccontextmanager
async def embedded_server(data_dir: Path, *, random: Random) -> AsyncIterator[str]:
    """Run a private server while the block runs, and yield its URL.

    Raises:
        StartError: there is no program to run, it does not start, or another node uses `data_dir`.
    """
    program = await find_program()
    files = ServerFiles(data_dir)
    async with AsyncExitStack() as stack:
        stack.callback(files.server_lock.close)
        stack.enter_context(locked(files.node_lock, guards=files.root))
        if not files.server_lock.acquire():
            await _end_stale(files)
        socket = stack.enter_context(socket_path(files))
        server = ServerProcess(program, files=files, socket=socket, random=random)
        stack.push_async_callback(server.end)
        await server.start()
        await stack.enter_async_context(background(queue_server=server.supervise()))
        yield f"unix://{quote(str(socket))}"


async def _end_stale(files: ServerFiles) -> None:
    """End the server that a killed node left behind, and take over its lock.

    Raises:
        StartError: it does not end.
    """
    stale = files.stored_socket()
    log.warning("an earlier node left its embedded queue behind: it is ended")
    await replies(stale, "SHUTDOWN", "NOSAVE")
    try:
        async with asyncio.timeout(END_S):
            while not files.server_lock.acquire():  # noqa: ASYNC110 - a lock has no event
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise StartError(
            f"[node] data_dir: the queue server that an earlier node left behind in {files.root}"
            " does not end; kill it, then start again"
        ) from None
    remove_socket(stale)
