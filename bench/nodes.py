"""`make bench-nodes`: what a second and a third node add, and PostgreSQL compared with SQLite.

All nodes run on this machine and share its cores with one another, with PostgreSQL, with the
queue's server and with their own pool processes. So further nodes add no more than what the first
one leaves idle while it waits for answers and for the disk.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from bench.harness.run import RESULTS, about, end_with, run, say
from bench.harness.series import Series, write
from bench.harness.series_table import table
from bench.harness.servers import DurablePostgres, open_postgres_server, open_redis
from bench.harness.throughput import jobs_done, jobs_per_s
from bench.ours.node import OurNode, open_node

ROUNDS: Final = 3
WORKERS: Final = 16
"""Of each node."""


class Load(NamedTuple):
    """A number of jobs, and how long each of them computes."""

    jobs: int
    ms: float


LOADS: Final = {"no-op jobs": Load(6000, 0), "10 ms jobs": Load(400, 10)}
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
    redis_url: str

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
            "QUEUE__URL": self.redis_url,
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
    with open_postgres_server() as server:
        async with open_redis(folder) as redis_url:
            setup = Setup(folder, server, redis_url)
            for number in range(rounds):
                for case in (ALONE, *TOGETHER):
                    say(f"round {number + 1} of {rounds}: {case}")
                    for what, value in (await _measure_round(setup, case, number)).items():
                        rows[what, case].values.append(value)
    return list(rows.values())


async def _measure_round(setup: Setup, case: str, number: int) -> Mapping[str, float]:
    """Jobs per second of a case, by load."""
    async with AsyncExitStack() as stack:
        nodes = await setup.nodes(case, number, stack)
        return {what: await _drain(nodes, load) for what, load in LOADS.items()}


async def _drain(nodes: Sequence[OurNode], load: Load) -> float:
    """Jobs per second of these nodes together; each gets its share of the jobs."""
    before = jobs_done()
    for number, node in enumerate(nodes):
        share = len(range(number, load.jobs, len(nodes)))
        await node.submit_all([{"uid": "drain", "task": "count", "data": load.ms}] * share)
    return await jobs_per_s(load.jobs, after=before)


def main() -> None:
    """Measure, print the table, and save the figures."""
    arguments = argparse.ArgumentParser(prog="make bench-nodes")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    parsed = arguments.parse_args()
    found = run(partial(measure, rounds=parsed.rounds))
    print(table(found, compared="SQLite"))
    write(RESULTS / "nodes.json", found, about(parsed.rounds))


if __name__ == "__main__":
    end_with(main)
