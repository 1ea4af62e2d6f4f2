"""How fast a backlog of jobs is worked off: by our node, and by each peer.

The whole backlog is queued before its first job runs. A job is done when it has run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.cases.speed_setup import Setup
from bench.harness.throughput import jobs_done, jobs_per_s


async def ours(setup: Setup, workers: int, *, jobs: int, ms: float = 0) -> Sequence[float]:
    """Jobs per second of our node, whose workers wait at a gate until the backlog is queued."""
    async with setup.node(workers) as node:
        gate, before = node.folder / "gate", jobs_done()
        os.mkfifo(gate)
        await node.submit_all([{"uid": "drain", "task": "pass", "data": str(gate)}] * workers)
        await node.submit_all([{"uid": "drain", "task": "count", "data": ms}] * jobs)
        with _open(gate):
            return [await jobs_per_s(jobs, after=before)]


async def peer(
    setup: Setup, name: str, workers: int, *, jobs: int, ms: float = 0
) -> Sequence[float]:
    """Jobs per second of a peer, whose workers start once the backlog is queued."""
    peer, before = await setup.peer(name, workers), jobs_done()
    await peer.submit(jobs, ms)
    async with peer.running_workers():
        return [await jobs_per_s(jobs, after=before)]


@contextmanager
def _open(gate: Path) -> Iterator[None]:
    """Have a writer on this pipe while the block runs, so that whoever opens it to read passes."""
    descriptor = os.open(gate, os.O_RDWR)  # unlike O_WRONLY, does not wait for a reader
    try:
        yield
    finally:
        os.close(descriptor)
