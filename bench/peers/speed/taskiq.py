"""Taskiq, with async tasks, on a Redis list; it keeps no results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from taskiq_redis import ListQueueBroker

from bench.jobs import counting, start_delay
from bench.peers.speed.commands import REDIS, WORKERS, main

broker = ListQueueBroker(REDIS, queue_name="bench-taskiq", socket_timeout=None)


@broker.task(task_name="count")  # type: ignore[untyped-decorator]  # not in our environment
async def count(value: float) -> None:
    """Be busy and be counted."""
    counting.count(value)


@broker.task(task_name="stamp")  # type: ignore[untyped-decorator]  # not in our environment
async def stamp(value: float) -> None:
    """Say that it runs."""
    start_delay.stamp(value)


TASKS = {"count": count, "stamp": stamp}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await TASKS[task].kiq(value)


@asynccontextmanager
async def session() -> AsyncIterator[None]:
    """Be connected."""
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
