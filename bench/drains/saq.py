"""SAQ, on Redis, with its states and results."""

from __future__ import annotations

import asyncio
from typing import Any

from saq import Queue

from bench import counting
from bench.drains.peer import REDIS, WORKERS, main

queue = Queue.from_url(REDIS, name="drain-saq")


async def count(_context: Any, *, ms: float) -> None:  # noqa: ANN401 - whatever it is given
    """Be busy and be counted."""
    counting.count(ms)


settings = {"queue": queue, "functions": [count], "concurrency": 16}


async def submit_all(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    await queue.connect()
    for _ in range(jobs):
        await queue.enqueue("count", ms=ms)
    await queue.disconnect()


if __name__ == "__main__":
    main(
        lambda jobs, ms: asyncio.run(submit_all(jobs, ms)),
        *("saq", "bench.drains.saq.settings", "--workers", WORKERS, "--quiet"),
    )
