"""How soon a job that finds nothing before it starts: from its submission until its handler runs.

Ours are submitted over HTTP, the peers' by their own client: no server of theirs is in the way.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from bench.cases.speed_setup import Stage
from bench.harness.run import CORES
from bench.harness.samples import percentile
from bench.jobs.start_delay import PAUSE_S, WARM
from bench.ours.node import Ours

SAMPLES: Final = 200
PERCENTS: Final = (50, 99)
TICK_S: Final = 0.01
SHARE: Final = 0.5
"""Of the cores' time, that the jobs of a loaded node take."""


async def ours(stage: Stage, workers: int) -> Sequence[float]:
    """The percentiles of a node of ours that is idle, in seconds."""
    async with stage.node(workers) as node:
        return await _percentiles(node)


async def loaded(stage: Stage, workers: int) -> Sequence[float]:
    """The same, on a node that is busy with a steady stream of short jobs."""
    async with stage.node(workers) as node, _stream(node):
        return await _percentiles(node)


async def peer(stage: Stage, name: str, workers: int) -> Sequence[float]:
    """The percentiles of a peer that is idle, in seconds."""
    contender = stage.contender(name, workers)
    async with contender.working():
        return _figures(await contender.starts_s(SAMPLES))


async def _percentiles(node: Ours) -> Sequence[float]:
    return _figures([await _start_s(node) for _ in range(WARM + SAMPLES)][WARM:])


async def _start_s(node: Ours) -> float:
    sent_at = time.monotonic()
    job = await node.submit("stamp")
    started_at = float((await node.job(job["id"], wait_s=30))["result"])
    # At random, or the samples would fall into step with the stream.
    await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))  # noqa: S311 - no secret
    return started_at - sent_at


@asynccontextmanager
async def _stream(node: Ours) -> AsyncIterator[None]:
    """A job for each core at each tick, that computes for half of it, while the block runs."""
    order = {"uid": "load", "task": "count", "data": TICK_S * 1000 * SHARE}

    async def flow() -> None:
        due_at = asyncio.get_running_loop().time()
        while True:
            await node.submit_all([order] * CORES)
            due_at += TICK_S
            await asyncio.sleep(due_at - asyncio.get_running_loop().time())

    async with asyncio.TaskGroup() as group:
        flowing = group.create_task(flow())
        yield
        flowing.cancel()


def _figures(waits_s: Sequence[float]) -> Sequence[float]:
    ascending = sorted(waits_s)
    return [percentile(ascending, percent) for percent in PERCENTS]
