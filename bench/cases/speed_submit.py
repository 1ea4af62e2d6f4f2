"""How fast jobs are accepted over HTTP.

None of them runs meanwhile: the only worker of our node has a job that does not end, and the front
end on Celery has no worker.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.cases.speed_setup import Setup
from bench.peers.http_servers import open_bare_http, open_front_end

BULK_JOBS: Final = 20_000
SCRIPT: Final = Path(__file__).with_name("post.lua")
WARM_S: Final = 1
WRK_S: Final = 3


async def bulk(setup: Setup, workers: int) -> Sequence[float]:
    """Jobs per second that our node accepts, a thousand in a request."""
    async with setup.node(workers) as node:
        await node.start_job("sleep")
        begun_at = time.monotonic()
        await node.submit_all([{"uid": "bulk", "task": "noop"}] * BULK_JOBS)
        return [BULK_JOBS / (time.monotonic() - begun_at)]


async def ours(setup: Setup, workers: int, *, connections: int) -> Sequence[float]:
    """Jobs per second that our node accepts, one in a request."""
    async with setup.node(workers) as node:
        await node.start_job("sleep")
        return [await _requests_per_s(node.url, connections)]


async def front_end(setup: Setup, workers: int, *, connections: int) -> Sequence[float]:
    """The same for a front end on Celery, with `workers` processes."""
    async with open_front_end(workers, folder=setup.folder, settings=setup.settings) as url:
        return [await _requests_per_s(url, connections)]


async def bare(_workers: int, *, connections: int) -> Sequence[float]:
    """The same for an aiohttp server that does nothing with a job."""
    async with open_bare_http() as url:
        return [await _requests_per_s(url, connections)]


def find_wrk() -> str:
    """The path of wrk, which sends the requests; exits where it is not installed."""
    path = shutil.which("wrk")
    if path is None:
        sys.exit("make bench needs wrk. On Debian and Ubuntu: apt-get install wrk")
    return path


async def _requests_per_s(url: str, connections: int) -> float:
    await _wrk(url, connections, WARM_S)
    return await _wrk(url, connections, WRK_S)


async def _wrk(url: str, connections: int, seconds: int) -> float:
    """How many requests per second were answered; none may fail."""
    process = await asyncio.create_subprocess_exec(
        *(find_wrk(), "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", SCRIPT, url),
        stdout=PIPE,
    )
    output, _ = await process.communicate()
    found = json.loads(output.splitlines()[-1])
    assert not found["failed"], output.decode()
    return float(found["per_s"])
