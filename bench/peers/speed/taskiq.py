"""Taskiq, with async tasks, on a Redis list; it stores no results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from taskiq_redis import ListQueueBroker

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import REDIS, WORKERS, main

broker = ListQueueBroker(REDIS, queue_name="bench-taskiq", socket_timeout=None)


@broker.task(task_name="count")  # type: ignore[untyped-decorator]  # not in our environment
async def count(value: float) -> None:
    """Compute for this many milliseconds, and count the job."""
    counting.count(value)


@broker.task(task_name="report_delay")  # type: ignore[untyped-decorator]  # not in our environment
async def report_delay(value: float) -> None:
    """Report how long this job waited for its start."""
    start_delay.report_delay(value)


TASKS = {"count": count, "report_delay": report_delay}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await TASKS[task].kiq(value)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Connect, and disconnect at the end."""
    await broker.startup()
    yield
    await broker.shutdown()


if __name__ == "__main__":
    main(
        submit,
        *("taskiq", "worker", "bench.peers.speed.taskiq:broker"),
        *("--workers", WORKERS, "--log-level", "ERROR", "--no-parse"),
        *("--max-async-tasks", "100", "--max-prefetch", "100"),
        session=session(),
    )
