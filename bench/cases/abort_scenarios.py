"""The cases of `make bench-abort`: what one round of each does to our nodes."""

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
from bench.jobs.process_table import JOB, marked
from bench.ours.node import Ours, Running

RATE: Final = 500
"""Requests a second that come in meanwhile."""
WARM_S: Final = 0.5
"""The load is on for so long before anything is measured."""


async def one_by_one(node: Ours, shape: str, *, times: int) -> list[Sample]:
    """Run a job and abort it, and look for its children by their cookie."""
    samples = []
    for _ in range(times):
        job = await node.begin(shape)
        sample = await node.abort(job)
        samples.append(replace(sample, survivors=len(marked(JOB, job.cookie))))
    return samples


async def all_at_once(node: Ours, *, jobs: int) -> list[Sample]:
    """Run many light jobs and abort them in one go, each by a request of its own."""
    async with asyncio.TaskGroup() as group:
        begins = [group.create_task(node.begin("sleep")) for _ in range(jobs)]
    await node.connect(jobs)
    async with asyncio.TaskGroup() as group:
        aborts = [group.create_task(node.abort(begin.result())) for begin in begins]
    return [abort.result() for abort in aborts]


async def through_another(nodes: Mapping[str, Ours], *, times: int) -> list[Sample]:
    """Run a job, and abort it by a request to the node that does not run it."""
    samples = []
    for _ in range(times):
        anyone, *_ = nodes.values()
        job = await anyone.begin("loop")
        owner = (await anyone.job(job.id))["node"]
        other = next(node for name, node in nodes.items() if name != owner)
        samples.append(await other.abort(job))
    return samples


async def with_all_busy(node: Ours, *, slots: int, times: int) -> list[Sample]:
    """Abort C loops while the other slots are in C loops, and requests come in."""
    others = [await node.begin("loop") for _ in range(slots - 1)]
    async with _load(node, others[0]) as answered:
        samples = await one_by_one(node, "loop", times=times)
    for other in others:
        await node.abort(other)
    return [replace(sample, requests_per_s=answered.result()) for sample in samples]


async def until_the_next(node: Ours, *, times: int) -> list[Sample]:
    """Abort the job in a node's only slot; the time until the next one's handler runs there."""
    samples = []
    for _ in range(times):
        job = await node.begin("loop")
        waiting = await node.submit("stamp")
        sent_at = time.monotonic()
        sample = await node.abort(job)
        started_at = (await node.job(waiting["id"], wait_s=30))["result"]
        samples.append(replace(sample, ms=(started_at - sent_at) * 1000))
    return samples


@asynccontextmanager
async def _load(node: Ours, job: Running) -> AsyncIterator[asyncio.Future[float]]:
    """Requests come in for as long as the block runs; then it is known how many were answered."""
    answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.cases.abort_load", node.url, f"/bench/{job.id}", str(RATE)),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        await asyncio.sleep(WARM_S)
        yield answered
    finally:
        said, _ = await process.communicate(b"")  # which ends it
    answered.set_result(float(said))
