"""`make bench-nodes`: what a second and a third node add, and PostgreSQL compared with SQLite.

All nodes run on this machine and share its cores with one another, with PostgreSQL, with the
queue's server and with their own pool processes. So further nodes add no more than what the first
one leaves idle while it waits for answers and for the disk. What they would add with machines of
their own is computed from the processor time of each part: see `bench.harness.capacity`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.harness.capacity import PerJob, apart, shared
from bench.harness.run import CORES, RESULTS, about, end_with, run, say
from bench.harness.series import Series, write
from bench.harness.series_table import table
from bench.harness.servers import DurablePostgres, open_postgres_server, open_redis_server
from bench.harness.throughput import jobs_done, jobs_per_s
from bench.ours.node import OurNode, open_node
from bench.ours.processor_time import PARTS, per_job_us, spent_s
from tests.support.servers.redis import RedisServer

ROUNDS: Final = 3
WORKERS: Final = 16
"""Of each node."""


class Load(NamedTuple):
    """A number of jobs, and how long each of them computes."""

    jobs: int
    ms: float


NOOPS: Final = "no-op jobs"
COMPUTING: Final = "10 ms jobs"
LOADS: Final = {NOOPS: Load(20_000, 0), COMPUTING: Load(400, 10)}
USED: Final = "processor time per no-op job"
NODES_MAX: Final = (1, 2, 3, 4, 8)
"""The numbers of nodes for which the model is asked."""
ALONE: Final = "one node, SQLite"
TOGETHER: Final = {
    "one node, PostgreSQL": 1,
    "two nodes, PostgreSQL": 2,
    "three nodes, PostgreSQL": 3,
}


class Setup(NamedTuple):
    """The folder and the servers that the nodes use."""

    folder: Path
    server: DurablePostgres
    queue: RedisServer

    async def nodes(self, case: str, number: int, stack: AsyncExitStack) -> Sequence[OurNode]:
        """Start new nodes for a round of a case; the stack closes them."""
        if case == ALONE:
            node_folder = self.folder / f"alone-{number}"
            return [await stack.enter_async_context(open_node(node_folder, NODE__WORKERS=WORKERS))]
        count = TOGETHER[case]
        installation = f"round_{number}_with_{count}"
        settings = {
            "NODE__WORKERS": WORKERS,
            "STORE__URL": await self.server.add_schema(installation),
            "QUEUE__URL": self.queue.url,
            "QUEUE__NAMESPACE": installation,
        }
        nodes = []
        for name in map(str, range(count)):
            node_folder = self.folder / installation / name
            node = await stack.enter_async_context(
                open_node(node_folder, NODE__NAME=name, **settings)
            )
            nodes.append(node)
        return nodes


async def measure(folder: Path, *, rounds: int) -> Sequence[Series]:
    """Measure all cases, round after round."""
    rows = {
        (what, case): Series(
            measure=what, case=case, unit="jobs/s", ours=case == ALONE, workers=WORKERS
        )
        for what in LOADS
        for case in (ALONE, *TOGETHER)
    }
    rows |= {
        (USED, part): Series(measure=USED, case=part, unit="µs", workers=WORKERS) for part in PARTS
    }
    with open_postgres_server() as server:
        async with open_redis_server(folder) as queue:
            setup = Setup(folder, server, queue)
            for number in range(rounds):
                for case in (ALONE, *TOGETHER):
                    say(f"round {number + 1} of {rounds}: {case}")
                    for (what, of), value in (await _measure_round(setup, case, number)).items():
                        rows[what, of].values.append(value)
    return list(rows.values())


async def _measure_round(setup: Setup, case: str, number: int) -> Mapping[tuple[str, str], float]:
    """Jobs per second of a case, by load; of one node on PostgreSQL also what a job takes."""
    async with AsyncExitStack() as stack:
        nodes = await setup.nodes(case, number, stack)
        spent = partial(spent_s, nodes, database=setup.server.pid, queue=setup.queue.pid)
        before = spent()
        found = {(NOOPS, case): await _drain(nodes, LOADS[NOOPS])}
        if TOGETHER.get(case) == 1:
            used = per_job_us(before, spent(), LOADS[NOOPS].jobs)
            found |= {(USED, part): us for part, us in used.items()}
        computing = {
            (what, case): await _drain(nodes, LOADS[what]) for what in LOADS if what != NOOPS
        }
        return found | computing


async def _drain(nodes: Sequence[OurNode], load: Load) -> float:
    """Jobs per second of these nodes together; each gets its share of the jobs."""
    before = jobs_done()
    for number, node in enumerate(nodes):
        share = len(range(number, load.jobs, len(nodes)))
        await node.submit_all([{"uid": "drain", "task": "count", "data": load.ms}] * share)
    return await jobs_per_s(load.jobs, after=before)


def _capacity(medians: Mapping[tuple[str, str], float]) -> str:
    """The model beside what was measured, and what it says of machines that are not shared."""
    per_job = PerJob(*(medians[USED, part] for part in PARTS))
    computed = shared(per_job, cores=CORES)
    lines = [f"\n{computed:,.0f} jobs/s computed for these {CORES} cores, which all parts share"]
    for case in TOGETHER:
        measured = medians[NOOPS, case]
        lines.append(f"  {case}: {measured:,.0f} measured, {measured / computed - 1:+.0%}")
    lines.append("computed, with two cores for each node and the queue apart (no-op jobs/s)")
    for database_cores in (1, 2, 4, 8):
        rates = [
            f"{apart(per_job, nodes=nodes, node_cores=2, database_cores=database_cores):,.0f}"
            for nodes in (1, 2, 3, 4, 8)
        ]
        lines.append(
            f"  PostgreSQL with {database_cores} cores, 1 2 3 4 8 nodes: {' '.join(rates)}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and save the figures."""
    arguments = argparse.ArgumentParser(prog="make bench-nodes")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    parsed = arguments.parse_args()
    found = run(partial(measure, rounds=parsed.rounds))
    print(table(found, compared="SQLite"))
    print(_capacity({(each.measure, each.case): each.median for each in found}))
    write(RESULTS / "nodes.json", found, about(parsed.rounds))


if __name__ == "__main__":
    end_with(main)
