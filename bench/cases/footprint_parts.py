"""What a node takes of a machine: memory, processor time, and questions asked while it idles."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.harness.run import CORES
from bench.harness.servers import open_postgres_server, open_redis
from bench.ours.idle_activity import EACH_STATEMENT, busy_percent, commands_per_s, statements_per_s
from bench.ours.memory_and_cpu import by_kind, pss_mb
from bench.ours.node import Ours, open_node

WORKERS: Final = (1, 8, 32)
ASKING: Final = (CORES, 32)
RUNNING: Final = (0, 1, 10, 100)
WARM_JOBS: Final = 100
"""For each worker, before its memory is looked at: a page that was written to is shared no more."""
CALM_S: Final = 5.0
"""Before anything is counted: what a start, or a job, set going is over then."""
ALL: Final = "all processes"

Found = dict[tuple[str, str, str], float]
"""A round's figures, by measure, case and unit."""


async def memory(folder: Path, _: float) -> Found:
    """By number of workers, and what each further worker costs."""
    found: Found = {}
    totals = []
    for workers in WORKERS:
        async with open_node(folder / str(workers), NODE__WORKERS=workers) as node:
            await node.exercise(WARM_JOBS * workers)
            of_kind = {kind: pss_mb(pids) for kind, pids in by_kind(node).items()}
        totals.append(sum(of_kind.values()))
        of_kind = {ALL: totals[-1], **of_kind}
        found |= _named(f"memory, {workers} worker{'s' * (workers > 1)}", "MB", of_kind)
    further = (totals[-1] - totals[0]) / (WORKERS[-1] - WORKERS[0])
    return found | _named("memory", "MB", {"each further worker": further})


async def idle(folder: Path, window_s: float) -> Found:
    """A node with a worker for each core, as one is where nothing is configured."""
    async with open_node(folder, NODE__WORKERS=CORES) as node:
        await node.exercise(WARM_JOBS)
        return _named("idle node: processor", "% of a core", await _busy(node, window_s))


async def statements(folder: Path, window_s: float) -> Found:
    """The same on PostgreSQL and a server for the queue, which note what they are asked."""
    found: Found = {}
    with open_postgres_server(EACH_STATEMENT) as server:
        async with open_redis(folder) as redis_url:
            for workers in ASKING:
                settings = {
                    "NODE__WORKERS": workers,
                    "STORE__URL": await server.add_schema(f"with_{workers}"),
                    "QUEUE__URL": redis_url,
                    "QUEUE__NAMESPACE": f"with-{workers}",
                }
                async with open_node(folder / str(workers), **settings):
                    await asyncio.sleep(CALM_S)
                    async with asyncio.TaskGroup() as group:
                        asked = group.create_task(statements_per_s(server.log, within_s=window_s))
                        told = group.create_task(commands_per_s(redis_url, within_s=window_s))
                found |= _named(f"idle, {workers} workers: statements", "/s", asked.result())
                found |= _named(f"idle, {workers} workers: commands", "/s", told.result())
    return found


async def running(folder: Path, window_s: float) -> Found:
    """A node with many workers, more and more of which have a job that sleeps."""
    found: Found = {}
    async with open_node(folder, NODE__WORKERS=RUNNING[-1]) as node:
        for before, jobs in zip((0, *RUNNING), RUNNING, strict=False):
            for _ in range(jobs - before):
                await node.begin("sleep")
            busy = await _busy(node, window_s)
            found |= _named("sleeping jobs: processor", "% of a core", {f"{jobs}": busy[ALL]})
    return found


async def _busy(node: Ours, window_s: float) -> Mapping[str, float]:
    """The processor time of a node, once it is calm, and whose it is."""
    await asyncio.sleep(CALM_S)
    async with asyncio.TaskGroup() as group:
        tasks = {
            kind: group.create_task(busy_percent(pids, within_s=window_s))
            for kind, pids in by_kind(node).items()
        }
    of_kind = {kind: task.result() for kind, task in tasks.items()}
    return {ALL: sum(of_kind.values()), **of_kind}


def _named(measure: str, unit: str, values: Mapping[str, float]) -> Found:
    return {(measure, case, unit): value for case, value in values.items()}
