"""The other servers that take jobs over HTTP, each a URL for as long as its block runs."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp

from bench.cases.speed_setup import Stage
from bench.peers.abort_peer import ROOT, environment

BOOT_S: Final = 30.0
"""How long a server may take to start, or to end."""
LOOK_S: Final = 0.05


@asynccontextmanager
async def open_bare() -> AsyncIterator[str]:
    """An aiohttp server that does nothing with a job."""
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.peers.bare_http", cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    assert server.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await server.stdout.readline())}"
    finally:
        await server.communicate(b"")


@asynccontextmanager
async def open_front_end(stage: Stage, processes: int) -> AsyncIterator[str]:
    """A front end on Celery, with so many processes."""
    port = _free_port()
    python = await environment("frontend")
    server = await asyncio.create_subprocess_exec(
        *(python, "-m", "uvicorn", "bench.peers.celery_front_end:app", "--port", str(port)),
        *("--workers", str(processes), "--log-level", "warning", "--no-access-log"),
        cwd=ROOT,
        env={**os.environ, **stage.settings, "BENCH_DATABASE": str(stage.folder / f"{port}.db")},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _answering(url)
        yield url
    finally:
        server.terminate()
        async with asyncio.timeout(BOOT_S):
            await server.wait()


async def _answering(url: str) -> None:
    """Wait until a server answers, whatever it says."""
    async with asyncio.timeout(BOOT_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(url):
                    return
            await asyncio.sleep(LOOK_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
