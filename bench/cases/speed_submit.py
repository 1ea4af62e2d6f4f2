"""How fast jobs are taken over HTTP.

Nobody works them off meanwhile: the one worker of our node has a job that does not end, and the
front end on Celery has no worker.
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

from bench.cases.speed_setup import Stage
from bench.peers.http_servers import open_bare, open_front_end

BULK_JOBS: Final = 20_000
SCRIPT: Final = Path(__file__).with_name("post.lua")
WARM_S: Final = 1
WRK_S: Final = 3


async def bulk(stage: Stage, workers: int) -> Sequence[float]:
    """Jobs a second, a thousand in a request."""
    async with stage.node(workers) as node:
        await node.begin("sleep")
        begun_at = time.monotonic()
        await node.submit_all([{"uid": "bulk", "task": "noop"}] * BULK_JOBS)
        return [BULK_JOBS / (time.monotonic() - begun_at)]


async def ours(stage: Stage, workers: int, *, connections: int) -> Sequence[float]:
    """Jobs a second that our node takes, one in a request."""
    async with stage.node(workers) as node:
        await node.begin("sleep")
        return [await _requests_per_s(node.url, connections)]


async def front_end(stage: Stage, workers: int, *, connections: int) -> Sequence[float]:
    """The same of a front end on Celery, with so many processes."""
    async with open_front_end(stage, workers) as url:
        return [await _requests_per_s(url, connections)]


async def bare(_workers: int, *, connections: int) -> Sequence[float]:
    """The same of an aiohttp server that does nothing with a job."""
    async with open_bare() as url:
        return [await _requests_per_s(url, connections)]


def program() -> str:
    """Where wrk is, which sends the requests."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("make bench needs wrk. On Debian and Ubuntu: apt-get install wrk")
    return found


async def _requests_per_s(url: str, connections: int) -> float:
    await _wrk(url, connections, WARM_S)
    return await _wrk(url, connections, WRK_S)


async def _wrk(url: str, connections: int, seconds: int) -> float:
    """How many requests a second were answered; each has to be answered well."""
    process = await asyncio.create_subprocess_exec(
        *(program(), "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{seconds}s", "--timeout", "10s", "--script", SCRIPT, url),
        stdout=PIPE,
    )
    said, _ = await process.communicate()
    found = json.loads(said.splitlines()[-1])
    assert not found["failed"], said.decode()
    return float(found["per_s"])
