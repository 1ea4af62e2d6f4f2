"""The other servers that accept jobs over HTTP; each runs while its block does."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import aiohttp

from bench.harness.run import ROOT
from bench.peers.environments import peer_python
from tests.support.servers.ports import free_port

BOOT_S: Final = 30.0
"""How long a server may take to start, or to exit."""
POLL_S: Final = 0.05


@asynccontextmanager
async def open_bare_http() -> AsyncIterator[str]:
    """The URL of an aiohttp server that does nothing with a job."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.peers.bare_http", cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await server.stdout.readline())}"
    finally:
        await server.communicate(b"")


@asynccontextmanager
async def open_front_end(
    processes: int, *, folder: Path, settings: Mapping[str, str]
) -> AsyncIterator[str]:
    """The URL of a front end on Celery, with this many processes.

    `settings` are the environment variables that name the servers.
    """
    port = free_port()
    python = await peer_python("frontend")
    server = await asyncio.create_subprocess_exec(
        *(python, "-m", "uvicorn", "bench.peers.celery_front_end:app", "--port", str(port)),
        *("--workers", str(processes), "--log-level", "warning", "--no-access-log"),
        cwd=ROOT,
        env={**os.environ, **settings, "BENCH_DATABASE": str(folder / f"{port}.db")},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _wait_for_answer(url)
        yield url
    finally:
        server.terminate()
        async with asyncio.timeout(BOOT_S):
            await server.wait()


async def _wait_for_answer(url: str) -> None:
    """Wait until a server answers, with any status."""
    async with asyncio.timeout(BOOT_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(url):
                    return
            await asyncio.sleep(POLL_S)
