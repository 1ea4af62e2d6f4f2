"""How fast a node is while many jobs wait in its queue, or its store has many finished jobs.

One start of a node is enough for all measures of a round, since its queue begins with:

    sleeping jobs     one for each worker, and one for each abort of a running job; so the node is
                      idle while pages and aborts are timed
    no-op jobs        whose rate is measured once all sleeping jobs are aborted
    the backlog       the queued jobs that are to wait meanwhile
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.cases.growth_store import timed_ms
from bench.harness.throughput import jobs_done, jobs_per_s
from bench.ours.filled_store import SQLITE, fill, finished, queued, queued_id
from bench.ours.node import START_S, OurNode, RunningJob, open_node
from tests.support.eventually import eventually

WORKERS: Final = 16
RUNNING_ABORTS: Final = 16
REQUESTS: Final = 50
"""Pages to read, and queued jobs to abort."""
PAGE: Final = 100
JOBS: Final = 5000
ENQUEUED: Final = "waiting jobs are enqueued anew"
"""The log text once the queue, empty at the start, has all queued jobs of the store."""
ENQUEUE_S: Final = 120.0
SLEEPING, COUNTED, WAITING = 1, 2, 3
"""The groups of queued jobs, in the order of the queue."""

UNITS: Final = {
    "no-op jobs": "jobs/s",
    "list page": "ms",
    "abort of a queued job": "ms",
    "abort of a running job": "ms",
}


class StoredJobs(NamedTuple):
    """How many jobs the store has besides those that are measured."""

    queued: int = 0
    finished: int = 0

    @property
    def user(self) -> str:
        """The user whose jobs are listed: one with many of them."""
        return "u1" if self.finished else "bench"


async def measure_round(stored: StoredJobs, *, jobs: int, folder: Path) -> Mapping[str, float]:
    """Make a store with these jobs, start a node on it, and measure; the values by measure."""
    await _fill(stored, jobs=jobs, folder=folder)
    settings = {"NODE__WORKERS": WORKERS, "RETENTION__FINISHED_S": 0}
    async with open_node(folder, **settings) as node:
        await eventually(lambda: ENQUEUED in node.log, within_s=ENQUEUE_S)
        before = jobs_done()
        return {
            "list page": await _list(node, stored.user),
            "abort of a queued job": await _abort_queued(node, jobs=jobs),
            "abort of a running job": await _abort_running(node),
            "no-op jobs": await _drain(node, jobs=jobs, after=before),
        }


async def _fill(stored: StoredJobs, *, jobs: int, folder: Path) -> None:
    data_sql = f"""'{{"file": "{folder}/' || n || '", "mark": "' || n || '"}}'"""
    rows = [
        queued(WORKERS + RUNNING_ABORTS, group=SLEEPING, task="sleep", data=data_sql),
        # The last of them are aborted while they wait, which is measured.
        queued(jobs + REQUESTS, group=COUNTED, task="count", data="'0'"),
    ]
    if stored.queued:
        rows.append(queued(stored.queued, group=WAITING, task="count", data="'0'"))
    if stored.finished:
        rows.append(finished(stored.finished))
    data = folder / "data"
    await fill(f"{SQLITE}{data / 'scheduler.db'}", data_dir=data, rows=rows)


async def _list(node: OurNode, user: str) -> float:
    page = partial(node.call, "GET", f"/{user}?limit={PAGE}")
    _, jobs = await page()
    assert len(jobs) == PAGE, jobs
    return median([await timed_ms(page) for _ in range(REQUESTS)])


async def _abort_queued(node: OurNode, *, jobs: int) -> float:
    async def abort(number: int) -> None:
        path = f"/bench/{queued_id(number, group=COUNTED)}"
        status, job = await node.call("DELETE", path)
        assert (status, job["status"]) == (200, "aborted"), job

    last = range(jobs + 1, jobs + REQUESTS + 1)
    return median([await timed_ms(partial(abort, number)) for number in last])


async def _abort_running(node: OurNode) -> float:
    """Abort the oldest running job, time after time; the next sleeping job takes its slot."""
    for number in range(1, WORKERS + 1):
        await _sleeping(node, number)
    times = []
    for number in range(1, RUNNING_ABORTS + 1):
        times.append((await node.abort(await _sleeping(node, number))).ms)
        await _sleeping(node, number + WORKERS)
    return median(times)


async def _sleeping(node: OurNode, number: int) -> RunningJob:
    """One of the sleeping jobs, once it runs."""
    file = node.folder / str(number)
    await eventually(file.exists, within_s=START_S, saying=f"sleeping job {number} begins")
    return RunningJob(queued_id(number, group=SLEEPING), str(number), int(file.read_text()))


async def _drain(node: OurNode, *, jobs: int, after: int) -> float:
    """Jobs per second of all workers; the first start as the last sleeping jobs are aborted."""
    async with asyncio.TaskGroup() as group:
        for number in range(RUNNING_ABORTS + 1, RUNNING_ABORTS + WORKERS + 1):
            group.create_task(node.abort(await _sleeping(node, number)))
        return await jobs_per_s(jobs, after=after)
