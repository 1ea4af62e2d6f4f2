"""What a node does while many jobs wait in its queue, or many that ended are kept.

The queue of a round, from its head, is made so that one start of a node is enough for all measures:

    sleeping jobs     one for each worker, and one for each abort of a running job; so the node is
                      idle while pages and aborts are timed
    no-op jobs        whose rate is measured, once all that sleep are aborted
    the backlog       as many as are asked for
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.cases.growth_store import timed_ms
from bench.harness.throughput import rate, tally
from bench.ours.filled_store import SQLITE, fill, finished, queued, queued_id
from bench.ours.node import BEGIN_S, Ours, Running, open_node
from tests.support.eventually import eventually

WORKERS: Final = 16
RUNNING_ABORTS: Final = 16
REQUESTS: Final = 50
"""Pages, and aborts of queued jobs."""
PAGE: Final = 100
JOBS: Final = 5000
HEALED: Final = "waiting jobs are enqueued anew"
"""What a node logs once its queue, which was empty at the start, holds all that the store does."""
HEAL_S: Final = 120.0
SLEEPING, COUNTED, WAITING = 1, 2, 3
"""The groups of the queue, in their order."""

UNITS: Final = {
    "no-op jobs": "jobs/s",
    "list page": "ms",
    "abort of a queued job": "ms",
    "abort of a running job": "ms",
}


class Crowd(NamedTuple):
    """So many jobs that a node has to live with."""

    queued: int = 0
    finished: int = 0

    @property
    def user(self) -> str:
        """Whose jobs are looked at: one with many of them."""
        return "u1" if self.finished else "bench"


async def one_round(crowd: Crowd, *, jobs: int, folder: Path) -> Mapping[str, float]:
    """Make a store with these jobs, start a node on it, and measure; what each came to."""
    await _fill(crowd, jobs=jobs, folder=folder)
    settings = {"NODE__WORKERS": WORKERS, "RETENTION__FINISHED_S": 0}
    async with open_node(folder, **settings) as node:
        await eventually(lambda: HEALED in node.log, within_s=HEAL_S)
        before = tally()
        return {
            "list page": await _list(node, crowd.user),
            "abort of a queued job": await _abort_queued(node, jobs=jobs),
            "abort of a running job": await _abort_running(node),
            "no-op jobs": await _drain(node, jobs=jobs, after=before),
        }


async def _fill(crowd: Crowd, *, jobs: int, folder: Path) -> None:
    order = f"""'{{"file": "{folder}/' || n || '", "cookie": "' || n || '"}}'"""
    rows = [
        queued(WORKERS + RUNNING_ABORTS, group=SLEEPING, task="sleep", data=order),
        # Those whose abort is measured are the last of them.
        queued(jobs + REQUESTS, group=COUNTED, task="count", data="'0'"),
    ]
    if crowd.queued:
        rows.append(queued(crowd.queued, group=WAITING, task="count", data="'0'"))
    if crowd.finished:
        rows.append(finished(crowd.finished))
    data = folder / "data"
    await fill(f"{SQLITE}{data / 'scheduler.db'}", data_dir=data, rows=rows)


async def _list(node: Ours, user: str) -> float:
    page = partial(node.call, "GET", f"/{user}?limit={PAGE}")
    _, jobs = await page()
    assert len(jobs) == PAGE, jobs
    return median([await timed_ms(page) for _ in range(REQUESTS)])


async def _abort_queued(node: Ours, *, jobs: int) -> float:
    async def abort(number: int) -> None:
        path = f"/bench/{queued_id(number, group=COUNTED)}"
        status, job = await node.call("DELETE", path)
        assert (status, job["status"]) == (200, "aborted"), job

    last = range(jobs + 1, jobs + REQUESTS + 1)
    return median([await timed_ms(partial(abort, number)) for number in last])


async def _abort_running(node: Ours) -> float:
    """Abort the oldest running job, so many times; the next that sleeps takes its slot."""
    for number in range(1, WORKERS + 1):
        await _sleeping(node, number)
    times = []
    for number in range(1, RUNNING_ABORTS + 1):
        times.append((await node.abort(await _sleeping(node, number))).ms)
        await _sleeping(node, number + WORKERS)
    return median(times)


async def _sleeping(node: Ours, number: int) -> Running:
    """One of the sleeping jobs, once it is under way."""
    file = node.folder / str(number)
    await eventually(file.exists, within_s=BEGIN_S, saying=f"sleeping job {number} begins")
    return Running(queued_id(number, group=SLEEPING), str(number), int(file.read_text()))


async def _drain(node: Ours, *, jobs: int, after: int) -> float:
    """Jobs a second, with all workers at them; the first come with the last that sleeps."""
    async with asyncio.TaskGroup() as group:
        for number in range(RUNNING_ABORTS + 1, RUNNING_ABORTS + WORKERS + 1):
            group.create_task(node.abort(await _sleeping(node, number)))
        return await rate(jobs, after=after)
