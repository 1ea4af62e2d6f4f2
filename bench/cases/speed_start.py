"""How soon a job starts while no other job waits: from its submission until its handler runs.

Our jobs are submitted over HTTP, the peers' by their own clients, with no HTTP server in between.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bench.cases.speed_setup import Setup
from bench.harness.run import CORES
from bench.harness.samples import percentile
from bench.jobs.start_delay import PAUSE_S, WARM_JOBS
from bench.ours.node import OurNode

SAMPLES: Final = 200
PERCENTS: Final = (50, 99)
TICK_S: Final = 0.01
SHARE: Final = 0.5
"""The share of the cores' time that the jobs of a loaded node take."""


async def ours(setup: Setup, workers: int) -> Sequence[float]:
    """The percentiles of our node while it is idle, in seconds."""
    async with setup.node(workers) as node:
        return await _percentiles(node)


async def loaded(setup: Setup, workers: int) -> Sequence[float]:
    """The same while the node is busy with a steady stream of short jobs."""
    async with setup.node(workers) as node, _stream(node):
        return await _percentiles(node)


async def peer(setup: Setup, name: str, workers: int) -> Sequence[float]:
    """The percentiles of a peer while it is idle, in seconds."""
    peer = await setup.peer(name, workers)
    await peer.submit(0, 0)  # creates the tables that its workers look for
    async with peer.running_workers():
        return _figures(await peer.start_delays_s(SAMPLES))


async def _percentiles(node: OurNode) -> Sequence[float]:
    return _figures([await _start_s(node) for _ in range(WARM_JOBS + SAMPLES)][WARM_JOBS:])


async def _start_s(node: OurNode) -> float:
    sent_at = time.monotonic()
    job = await node.submit("start_time")
    started_at = float((await node.job(job["id"], wait_s=30))["result"])
    # A random pause: with a fixed one, the samples would fall into step with the stream.
    await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))  # noqa: S311 - no secret
    return started_at - sent_at


@asynccontextmanager
async def _stream(node: OurNode) -> AsyncIterator[None]:
    """While the block runs, submit a job for each core each tick; each computes for half a tick."""
    job = {"uid": "load", "task": "count", "data": TICK_S * 1000 * SHARE}

    async def submit() -> None:
        due_at = asyncio.get_running_loop().time()
        while True:
            await node.submit_all([job] * CORES)
            due_at += TICK_S
            await asyncio.sleep(due_at - asyncio.get_running_loop().time())

    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(submit())
        yield
        submitting.cancel()


def _figures(waits_s: Sequence[float]) -> Sequence[float]:
    ascending = sorted(waits_s)
    return [percentile(ascending, percent) for percent in PERCENTS]
