"""How long it takes until what waited for jobs may run, once these are over.

    python -m bench.dependencies [--jobs 10000] [--rounds 3]

    out       one job, and so many that come after it; it ends
    aborted   the same, but it does not succeed, and all are aborted
    in        so many jobs, a thousand each before a job in the middle, and one after all of those

A promoter on a store of its own and a queue does the work, in the steps of a node that nobody else
uses. For each store, the seconds from the end of the last job until no edge is open, and all that
may run is in the queue.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from prometheus_client import CollectorRegistry

from bench.harness.run import end_with, say
from bench.harness.servers import open_postgres
from scheduler.basics.clock import SystemClock, new_id
from scheduler.core.dependencies.declaration import PREDECESSORS_MAX, After, Predecessor
from scheduler.core.job import Failure, FailureKind, JsonText, NewJob, Node, Settlement, Status
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.node.promoter import Promoter
from scheduler.queue import open_queue
from scheduler.store import open_store
from scheduler.telemetry.job_events import JobEvents
from scheduler.telemetry.metrics import Metrics

NODE: Final = Node(
    id="n",
    name="n",
    version="0",
    workers=1,
    tasks=("t",),
    running=0,
    beat=0,
    started_at=datetime.now(UTC),
)
AT_ONCE: Final = 1000
"""How many jobs one call stores, or ends."""


class Installation:
    """A store, a queue and a promoter."""

    def __init__(self, store: Store, queue: Queue) -> None:
        self.store = store
        events = JobEvents(Metrics(CollectorRegistry()), clock=SystemClock())
        self.promoter = Promoter(
            store=store, queue=queue, job_events=events, nearer=asyncio.Event()
        )

    async def insert(self, jobs: Sequence[NewJob]) -> Sequence[str]:
        """Store jobs; their ids."""
        for first in range(0, len(jobs), AT_ONCE):
            await self.store.insert(jobs[first : first + AT_ONCE])
        return [job.id for job in jobs]

    async def end(self, ids: Sequence[str], status: Status = Status.SUCCESSFUL) -> None:
        """Run jobs to their end."""
        now = datetime.now(UTC)
        failed = Failure(kind=FailureKind.EXCEPTION, message="no")
        for first in range(0, len(ids), AT_ONCE):
            claims = await self.store.claim(ids[first : first + AT_ONCE], node_id="n", at=now)
            await self.store.settle(
                [
                    Settlement(
                        id=claim.id,
                        token=claim.token,
                        status=status,
                        at=now,
                        result=JsonText("1") if status is Status.SUCCESSFUL else None,
                        error=None if status is Status.SUCCESSFUL else failed,
                    )
                    for claim in claims
                ]
            )

    async def resolved(self) -> float:
        """Take steps until nothing is due; how long that took, in seconds."""
        begun = time.monotonic()
        while await self.store.next_due_s() is not None:
            await self.promoter.step()
        return time.monotonic() - begun


async def out(at: Installation, jobs: int, status: Status = Status.SUCCESSFUL) -> float:
    """One before many."""
    (first,) = await at.insert([_new()])
    await at.insert([_new(first) for _ in range(jobs)])
    await at.end([first], status)
    return await at.resolved()


async def aborted(at: Installation, jobs: int) -> float:
    """One before many, which fails."""
    return await out(at, jobs, Status.TERMINATED)


async def into(at: Installation, jobs: int) -> float:
    """Many before one, by a layer between: a job comes after a thousand at most."""
    ids = await at.insert([_new() for _ in range(jobs)])
    parts = [ids[first : first + PREDECESSORS_MAX] for first in range(0, jobs, PREDECESSORS_MAX)]
    middle = await at.insert([_new(*part) for part in parts])
    await at.insert([_new(*middle)])
    await at.end(ids)
    took_s = await at.resolved()
    await at.end(middle)
    return took_s + await at.resolved()


CASES: Final[dict[str, Callable[[Installation, int], Awaitable[float]]]] = {
    "out": out,
    "aborted": aborted,
    "in": into,
}


def _new(*before: str) -> NewJob:
    return NewJob(
        id=new_id(),
        uid="u",
        task="t",
        data=JsonText("null"),
        hook=None,
        undoable=False,
        created_at=datetime.now(UTC),
        after=After(tuple(map(Predecessor, before))) if before else None,
    )


async def measure(url: str, jobs: int, rounds: int) -> dict[str, list[float]]:
    """The seconds of each round of each case."""
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, case in CASES.items():
            async with AsyncExitStack() as stack:
                folder = Path(stack.enter_context(TemporaryDirectory()))
                queue = await stack.enter_async_context(
                    open_queue(
                        "embedded",
                        namespace="b",
                        node_id="n",
                        data_dir=folder,
                        random=Random(0),  # noqa: S311 - spreads waits
                    )
                )
                store = await stack.enter_async_context(open_store(url, data_dir=folder))
                await store.register(NODE)
                took[name].append(await case(Installation(store, queue), jobs))
    return took


def main() -> int:
    """Measure both stores."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    with open_postgres() as postgres:
        for name, url in (("sqlite", "sqlite"), ("postgresql", postgres)):
            took = asyncio.run(measure(url, wanted.jobs, wanted.rounds))
            for case, seconds in took.items():
                rounds = ", ".join(f"{each:.2f}" for each in seconds)
                say(f"{name:<11} {case:<8} {median(seconds):.2f} s  ({rounds})")
    return 0


if __name__ == "__main__":
    end_with(main)
