"""How fast a backlog of jobs is worked off: ours, and each peer's.

The backlog is there before the first job runs. The clock runs from when a tenth of the jobs is done
until all are, so nobody's start is measured. Ours are done when the store says so, the peers' when
they have run.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.counting import FOLDER, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.ours import Ours
    from bench.stage import Stage

LOOK_S: Final = 0.005
DONE_S: Final = 180.0
"""How long a backlog may take."""
BULK: Final = 1000


async def ours(stage: Stage, workers: int, *, jobs: int, ms: float = 0) -> Sequence[float]:
    """Jobs a second of a node of ours, whose workers wait at a gate until the backlog is there."""
    async with stage.node(workers) as node:
        gate, base = node.folder / "gate", _counted()
        os.mkfifo(gate)
        await node.submit_all([{"uid": "drain", "task": "pass", "data": str(gate)}] * workers)
        for begin in range(0, jobs, BULK):
            order = {"uid": "drain", "task": "count", "data": ms}
            await node.submit_all([order] * min(BULK, jobs - begin))
        with _open(gate):
            first_at = await _when(base + jobs // 10)
            await _when(base + jobs)
            await _finished(node, "drain")
        return [0.9 * jobs / (asyncio.get_running_loop().time() - first_at)]


async def peer(
    stage: Stage, name: str, workers: int, *, jobs: int, ms: float = 0
) -> Sequence[float]:
    """Jobs a second of a peer, whose workers start with the backlog there."""
    contender, base = stage.contender(name, workers), _counted()
    await contender.submit(jobs, ms)
    async with contender.working():
        first_at = await _when(base + jobs // 10)
        last_at = await _when(base + jobs)
    return [0.9 * jobs / (last_at - first_at)]


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


async def _when(count: int) -> float:
    """When so many jobs are counted."""
    async with asyncio.timeout(DONE_S):
        while _counted() < count:  # noqa: ASYNC110 - what counts is memory, and tells nobody
            await asyncio.sleep(LOOK_S)
    return asyncio.get_running_loop().time()


def _counted() -> int:
    return counted(Path(os.environ[FOLDER]))
