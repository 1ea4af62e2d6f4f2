"""How fast a backlog of jobs is worked off: ours, and each peer's.

The clock runs from when a tenth of the jobs is done until all are, so nobody's start is measured.
Ours are done when the store says so, the peers' when they have run.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.counting import FOLDER, counted
from bench.peers import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.ours import Ours

LOOK_S: Final = 0.005
DONE_S: Final = 180.0
"""How long a backlog may take."""
END_S: Final = 10.0
BULK: Final = 1000


async def ours(node: Ours, *, jobs: int, ms: float = 0) -> float:
    """Jobs a second of a node of ours."""
    base = _counted()
    order = {"uid": "drain", "task": "count", "data": ms}
    for begin in range(0, jobs, BULK):
        status, _ = await node.call("POST", "/", [order] * min(BULK, jobs - begin))
        assert status == 202
    first_at = await _when(base + jobs // 10)
    await _when(base + jobs)
    await finished(node, "drain")
    return 0.9 * jobs / (asyncio.get_running_loop().time() - first_at)


async def finished(node: Ours, uid: str) -> None:
    """Wait until all jobs of a user are final."""
    path = f"/{uid}?status=queued,running&limit=1"
    while (await node.call("GET", path))[1]:  # noqa: ASYNC110 - over HTTP, and for a list
        await asyncio.sleep(LOOK_S)


async def peer(name: str, *, jobs: int, redis_url: str, workers: int, ms: float = 0) -> float:
    """Jobs a second of a peer, whose worker starts with the backlog there."""
    python = await environment(name)
    settings = {"BENCH_REDIS": redis_url, "BENCH_WORKERS": str(workers)}
    command = (str(python), "-m", f"bench.drains.{name}")
    submit = await asyncio.create_subprocess_exec(
        *command, "submit", str(jobs), str(ms), cwd=ROOT, env={**os.environ, **settings}
    )
    assert await submit.wait() == 0, f"{name} does not submit"
    base = _counted()
    async with _working(*command, "work", settings=settings):
        first_at = await _when(base + jobs // 10)
        last_at = await _when(base + jobs)
    return 0.9 * jobs / (last_at - first_at)


@asynccontextmanager
async def _working(*command: str, settings: dict[str, str]) -> AsyncIterator[None]:
    """A peer's worker, and all that it started, for as long as the block runs."""
    worker = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        worker.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await worker.wait()
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)


async def _when(count: int) -> float:
    """When so many jobs are counted."""
    async with asyncio.timeout(DONE_S):
        while _counted() < count:  # noqa: ASYNC110 - what counts is memory, and tells nobody
            await asyncio.sleep(LOOK_S)
    return asyncio.get_running_loop().time()


def _counted() -> int:
    return counted(Path(os.environ[FOLDER]))
