"""PgQueuer, on PostgreSQL, with its durable tables and the settings it advises for vacuuming.

It keeps a log of each job's states. Several workers are started, each of which claims and settles
its jobs in batches. They do what its command `pgq run` does, which fails with the pinned packages.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvloop
from pgqueuer import PgQueuer, run
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import POSTGRES, WORKERS, main

VALUE = struct.Struct("d")
"""What a job is given: PgQueuer takes bytes."""
BATCH_SIZE = 100
"""More than the usual ten, as is advised for short jobs."""
queries: Queries


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await queries.enqueue(task, VALUE.pack(value))


async def submit_many(jobs: int, ms: float) -> None:
    """Put this many jobs into the queue, by one statement."""
    await queries.enqueue(["count"] * jobs, [VALUE.pack(ms)] * jobs, [0] * jobs)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Connect, and create the tables where they are missing."""
    global queries  # noqa: PLW0603 - a connection belongs to the loop that made it
    connection = await asyncpg.connect(POSTGRES)
    queries = Queries.from_asyncpg_connection(connection)
    if not await queries.schema_is_installed():
        await queries.install()
        await queries.optimize_autovacuum()
    yield
    await connection.close()


@asynccontextmanager
async def worker() -> AsyncIterator[PgQueuer]:
    """What a worker runs."""
    connection = await asyncpg.connect(POSTGRES)
    pgqueuer = PgQueuer.from_asyncpg_connection(connection)

    @pgqueuer.entrypoint("count")  # type: ignore[untyped-decorator]  # not in our environment
    async def count(job: Job) -> None:
        counting.count(*VALUE.unpack(job.payload))

    @pgqueuer.entrypoint("report_delay")  # type: ignore[untyped-decorator]  # not in our environment
    async def report_delay(job: Job) -> None:
        start_delay.report_delay(*VALUE.unpack(job.payload))

    yield pgqueuer
    await connection.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["run"]:
        uvloop.run(run(worker, batch_size=BATCH_SIZE))
    else:
        main(
            submit,
            *("bench.peers.speed.pgqueuer", "run"),
            submit_many=submit_many,
            session=session(),
            copies=int(WORKERS),
        )
