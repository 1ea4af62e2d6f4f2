"""Taskiq, with async tasks, on a Redis list; it keeps no results."""

from __future__ import annotations

import asyncio

from taskiq_redis import ListQueueBroker

from bench import counting
from bench.drains.peer import REDIS, WORKERS, main

broker = ListQueueBroker(REDIS, queue_name="drain-taskiq", socket_timeout=None)


@broker.task(task_name="count")  # type: ignore[untyped-decorator]  # not in our environment
async def count(ms: float) -> None:
    """Be busy and be counted."""
    counting.count(ms)


async def submit_all(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    await broker.startup()
    for _ in range(jobs):
        await count.kiq(ms)
    await broker.shutdown()


if __name__ == "__main__":
    main(
        lambda jobs, ms: asyncio.run(submit_all(jobs, ms)),
        *("taskiq", "worker", "bench.drains.taskiq:broker"),
        *("--workers", WORKERS, "--log-level", "ERROR"),
    )
