"""SAQ, on Redis, with its states and results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from saq import Queue

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import REDIS, WORKERS, main

queue = Queue.from_url(REDIS, name="bench-saq")


async def count(_context: Any, *, value: float) -> None:  # noqa: ANN401 - whatever it is given
    """Be busy and be counted."""
    counting.count(value)


async def stamp(_context: Any, *, value: float) -> None:  # noqa: ANN401 - whatever it is given
    """Say that it runs."""
    start_delay.stamp(value)


settings = {"queue": queue, "functions": [count, stamp], "concurrency": 16}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await queue.enqueue(task, value=value)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Be connected."""
    await queue.connect()
    yield
    await queue.disconnect()


if __name__ == "__main__":
    main(
        submit,
        *("saq", "bench.peers.speed.saq.settings", "--workers", WORKERS, "--quiet"),
        session=session(),
    )
