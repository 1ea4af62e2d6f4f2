"""How fast a backlog of jobs is worked off: ours, and each peer's.

The backlog is there before the first job runs, and a job is done when it has run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.cases.speed_setup import Stage
from bench.harness.throughput import rate, tally


async def ours(stage: Stage, workers: int, *, jobs: int, ms: float = 0) -> Sequence[float]:
    """Jobs a second of a node of ours, whose workers wait at a gate until the backlog is there."""
    async with stage.node(workers) as node:
        gate, before = node.folder / "gate", tally()
        os.mkfifo(gate)
        await node.submit_all([{"uid": "drain", "task": "pass", "data": str(gate)}] * workers)
        await node.submit_all([{"uid": "drain", "task": "count", "data": ms}] * jobs)
        with _open(gate):
            return [await rate(jobs, after=before)]


async def peer(
    stage: Stage, name: str, workers: int, *, jobs: int, ms: float = 0
) -> Sequence[float]:
    """Jobs a second of a peer, whose workers start with the backlog there."""
    contender, before = stage.contender(name, workers), tally()
    await contender.submit(jobs, ms)
    async with contender.working():
        return [await rate(jobs, after=before)]


@contextmanager
def _open(gate: Path) -> Iterator[None]:
    """Let all pass who open this pipe for reading, whenever they do."""
    descriptor = os.open(gate, os.O_RDWR)  # which waits for nobody
    try:
        yield
    finally:
        os.close(descriptor)
