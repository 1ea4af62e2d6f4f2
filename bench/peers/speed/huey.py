"""Huey, with worker processes and without periodic tasks; it stores no results."""

from __future__ import annotations

from huey import RedisHuey

from bench.peers.speed.commands import JOBS, REDIS, WORKERS, main

huey = RedisHuey("bench-huey", url=REDIS, results=False)
TASKS = {name: huey.task(name=name)(job) for name, job in JOBS.items()}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    TASKS[task](value)


if __name__ == "__main__":
    main(
        submit,
        *("huey.bin.huey_consumer", "bench.peers.speed.huey.huey", "--no-periodic"),
        *("--worker-type", "process", "--workers", WORKERS, "--quiet"),
    )
