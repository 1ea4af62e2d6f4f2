"""How fast a backlog of jobs is worked off: ours, and each peer's.

The backlog is there before the first job runs. The clock runs from when a tenth of the jobs is done
until all are, so nobody's start is measured. Ours are done when the store says so, the peers' when
they have run.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.tally import LOOK_S, rate, tally, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.ours import Ours
    from bench.stage import Stage


async def ours(stage: Stage, workers: int, *, jobs: int, ms: float = 0) -> Sequence[float]:
    """Jobs a second of a node of ours, whose workers wait at a gate until the backlog is there."""
    async with stage.node(workers) as node:
        gate, base = node.folder / "gate", tally()
        os.mkfifo(gate)
        await node.submit_all([{"uid": "drain", "task": "pass", "data": str(gate)}] * workers)
        await node.submit_all([{"uid": "drain", "task": "count", "data": ms}] * jobs)
        with _open(gate):
            first_at = await when(base + jobs // 10)
            await when(base + jobs)
            await _finished(node, "drain")
        return [0.9 * jobs / (asyncio.get_running_loop().time() - first_at)]


async def peer(
    stage: Stage, name: str, workers: int, *, jobs: int, ms: float = 0
) -> Sequence[float]:
    """Jobs a second of a peer, whose workers start with the backlog there."""
    contender, base = stage.contender(name, workers), tally()
    await contender.submit(jobs, ms)
    async with contender.working():
        return [await rate(jobs, after=base)]


@contextmanager
def _open(gate: Path) -> Iterator[None]:
    """Let all pass who open this pipe for reading, whenever they do."""
    descriptor = os.open(gate, os.O_RDWR)  # which waits for nobody
    try:
        yield
    finally:
        os.close(descriptor)


async def _finished(node: Ours, uid: str) -> None:
    """Wait until all jobs of a user are final."""
    path = f"/{uid}?status=queued,running&limit=1"
    while (await node.call("GET", path))[1]:  # noqa: ASYNC110 - over HTTP, and for a list
        await asyncio.sleep(LOOK_S)
