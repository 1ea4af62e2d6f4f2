"""SAQ, on Redis; it stores job states and results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import REDIS, WORKERS, main

queue = Queue.from_url(REDIS, name="bench-saq")


async def count(_context: Any, *, value: float) -> None:  # noqa: ANN401
    """Compute for this many milliseconds, and count the job."""
    counting.count(value)


async def report_delay(_context: Any, *, value: float) -> None:  # noqa: ANN401
    """Report how long this job waited for its start."""
    start_delay.report_delay(value)


settings = {"queue": queue, "functions": [count, report_delay], "concurrency": 16}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await queue.enqueue(task, value=value)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Connect, and disconnect at the end."""
    await queue.connect()
    yield
    await queue.disconnect()


if __name__ == "__main__":
    main(
        submit,
        *("saq", "bench.peers.speed.saq.settings", "--workers", WORKERS, "--quiet"),
        session=session(),
    )
