"""Chancy, on PostgreSQL, with jobs in its workers' event loops; several workers are started.

It keeps each job's state, and asks for more jobs as soon as one has ended.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chancy import Chancy, Job, Queue

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import POSTGRES, WORKERS, main

logging.getLogger("chancy").setLevel(logging.ERROR)  # as quiet as the others
app = Chancy(POSTGRES, log=logging.getLogger("chancy"))
QUEUE = Queue("bench", executor=Chancy.Executor.Async, concurrency=100, eager_polling=True)


async def count(*, value: float) -> None:
    """Compute for this many milliseconds, and count the job."""
    counting.count(value)


async def report_delay(*, value: float) -> None:
    """Report how long this job waited for its start."""
    start_delay.report_delay(value)


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await app.push(_job(task, value))


async def submit_many(jobs: int, ms: float) -> None:
    """Put this many jobs into the queue, a thousand in a transaction."""
    async for _ in app.push_many([_job("count", ms)] * jobs):
        pass


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Connect, and create the tables and the queue where they are missing."""
    async with app:
        await app.migrate()
        await app.declare(QUEUE)
        yield


def _job(task: str, value: float) -> Job:
    function = f"bench.peers.speed.chancy.{task}"
    return Job(func=function, kwargs={"value": value}, queue=QUEUE.name)


if __name__ == "__main__":
    main(
        submit,
        *("chancy.cli.cli", "--app", "bench.peers.speed.chancy.app", "worker", "start"),
        submit_many=submit_many,
        session=session(),
        copies=int(WORKERS),
    )
