"""What one round of each case of `make bench-abort` does to our nodes."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from bench.harness.samples import Sample
from bench.jobs.process_table import JOB_MARK, marked
from bench.ours.node import OurNode

RATE: Final = 500
"""Requests per second while aborts are measured on a busy node."""
WARM_S: Final = 0.5
"""How long the load runs before anything is measured."""


async def one_by_one(node: OurNode, task: str, *, times: int) -> list[Sample]:
    """Run a job and abort it, and count the children that survive, by their mark."""
    samples = []
    for _ in range(times):
        job = await node.start_job(task)
        sample = await node.abort(job)
        samples.append(replace(sample, survivors=len(marked(JOB_MARK, job.mark))))
    return samples


async def all_at_once(node: OurNode, *, jobs: int) -> list[Sample]:
    """Run many sleeping jobs and abort all at the same time, each by a request of its own."""
    async with asyncio.TaskGroup() as group:
        starts = [group.create_task(node.start_job("sleep")) for _ in range(jobs)]
    await node.connect(jobs)
    async with asyncio.TaskGroup() as group:
        aborts = [group.create_task(node.abort(start.result())) for start in starts]
    return [abort.result() for abort in aborts]


async def through_other_node(nodes: Mapping[str, OurNode], *, times: int) -> list[Sample]:
    """Run a job, and abort it by a request to the node that does not run it."""
    samples = []
    for _ in range(times):
        anyone, *_ = nodes.values()
        job = await anyone.start_job("loop")
        owner = (await anyone.job(job.id))["node"]
        other = next(node for name, node in nodes.items() if name != owner)
        samples.append(await other.abort(job))
    return samples


async def with_all_busy(node: OurNode, *, slots: int, times: int) -> list[Sample]:
    """Abort C loops while the other slots run C loops and requests come in."""
    others = [await node.start_job("loop") for _ in range(slots - 1)]
    async with load(node, f"/bench/{others[0].id}") as answered:
        samples = await one_by_one(node, "loop", times=times)
    for other in others:
        await node.abort(other)
    return [replace(sample, requests_per_s=answered.result()) for sample in samples]


async def until_next_job(node: OurNode, *, times: int) -> list[Sample]:
    """Abort the job in a node's only slot, and measure until the next job's handler runs there."""
    samples = []
    for _ in range(times):
        job = await node.start_job("loop")
        waiting = await node.submit("start_time")
        sent_at = time.monotonic()
        sample = await node.abort(job)
        started_at = (await node.job(waiting["id"], wait_s=30))["result"]
        samples.append(replace(sample, ms=(started_at - sent_at) * 1000))
    return samples


@asynccontextmanager
async def load(node: OurNode, what: str) -> AsyncIterator[asyncio.Future[float]]:
    """Send requests while the block runs; the future then has how many per second were answered."""
    answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.cases.abort_load", node.url, what, str(RATE)),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        await asyncio.sleep(WARM_S)
        yield answered
    finally:
        output, _ = await process.communicate(b"")  # which ends it
    answered.set_result(float(output))
