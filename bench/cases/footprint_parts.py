"""The parts of `make bench-footprint`: memory, processor time, statements, commands of a node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.harness.run import CORES
from bench.harness.servers import open_postgres_server, open_redis
from bench.ours.idle_activity import LOG_STATEMENTS, busy_percent, commands_per_s, statements_per_s
from bench.ours.memory_and_cpu import by_kind, pss_mb
from bench.ours.node import OurNode, open_node

WORKERS: Final = (1, 8, 32)
IDLE_WORKERS: Final = (CORES, 32)
SLEEPING: Final = (0, 1, 10, 100)
WARM_JOBS: Final = 100
"""No-op jobs for each worker before memory is measured: a page once written to is not shared."""
SETTLE_S: Final = 5.0
"""The wait before anything is counted, until what a start or a job set off is over."""
ALL: Final = "all processes"

Figures = dict[tuple[str, str, str], float]
"""A round's figures, by measure, case and unit."""


async def memory(folder: Path, _: float) -> Figures:
    """Memory by number of workers, and what each further worker costs."""
    found: Figures = {}
    totals = []
    for workers in WORKERS:
        async with open_node(folder / str(workers), NODE__WORKERS=workers) as node:
            await node.run_noops(WARM_JOBS * workers)
            of_kind = {kind: pss_mb(pids) for kind, pids in by_kind(node).items()}
        totals.append(sum(of_kind.values()))
        of_kind = {ALL: totals[-1], **of_kind}
        found |= _named(f"memory, {workers} worker{'s' * (workers > 1)}", "MB", of_kind)
    further = (totals[-1] - totals[0]) / (WORKERS[-1] - WORKERS[0])
    return found | _named("memory", "MB", {"each further worker": further})


async def idle(folder: Path, window_s: float) -> Figures:
    """Processor time of an idle node with a worker for each core, which is the default."""
    async with open_node(folder, NODE__WORKERS=CORES) as node:
        await node.run_noops(WARM_JOBS)
        return _named("idle node: processor", "% of a core", await _busy(node, window_s))


async def statements(folder: Path, window_s: float) -> Figures:
    """Statements and commands per second of an idle node, as PostgreSQL and Redis count them."""
    found: Figures = {}
    with open_postgres_server(LOG_STATEMENTS) as server:
        async with open_redis(folder) as redis_url:
            for workers in IDLE_WORKERS:
                settings = {
                    "NODE__WORKERS": workers,
                    "STORE__URL": await server.add_schema(f"with_{workers}"),
                    "QUEUE__URL": redis_url,
                    "QUEUE__NAMESPACE": f"with-{workers}",
                }
                async with open_node(folder / str(workers), **settings):
                    await asyncio.sleep(SETTLE_S)
                    async with asyncio.TaskGroup() as group:
                        by_statement = group.create_task(
                            statements_per_s(server.log, within_s=window_s)
                        )
                        by_command = group.create_task(commands_per_s(redis_url, within_s=window_s))
                found |= _named(f"idle, {workers} workers: statements", "/s", by_statement.result())
                found |= _named(f"idle, {workers} workers: commands", "/s", by_command.result())
    return found


async def running(folder: Path, window_s: float) -> Figures:
    """Processor time of a node with 100 workers, while more and more of them run a sleeping job."""
    found: Figures = {}
    async with open_node(folder, NODE__WORKERS=SLEEPING[-1]) as node:
        for before, jobs in zip((0, *SLEEPING), SLEEPING, strict=False):
            for _ in range(jobs - before):
                await node.start_job("sleep")
            busy = await _busy(node, window_s)
            found |= _named("sleeping jobs: processor", "% of a core", {f"{jobs}": busy[ALL]})
    return found


async def _busy(node: OurNode, window_s: float) -> Mapping[str, float]:
    """Processor time of a node once it has settled, in percent of a core: all, and by kind."""
    await asyncio.sleep(SETTLE_S)
    async with asyncio.TaskGroup() as group:
        tasks = {
            kind: group.create_task(busy_percent(pids, within_s=window_s))
            for kind, pids in by_kind(node).items()
        }
    of_kind = {kind: task.result() for kind, task in tasks.items()}
    return {ALL: sum(of_kind.values()), **of_kind}


def _named(measure: str, unit: str, values: Mapping[str, float]) -> Figures:
    return {(measure, case, unit): value for case, value in values.items()}
