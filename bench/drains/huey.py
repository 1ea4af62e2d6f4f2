"""Huey, with worker processes; it keeps no results."""

from __future__ import annotations

from huey import RedisHuey

from bench import counting
from bench.drains.peer import REDIS, WORKERS, main

huey = RedisHuey("drain-huey", url=REDIS, results=False)
count = huey.task(name="count")(counting.count)


def submit(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    for _ in range(jobs):
        count(ms)


if __name__ == "__main__":
    main(
        submit,
        *("huey.bin.huey_consumer", "bench.drains.huey.huey"),
        *("--worker-type", "process", "--workers", WORKERS, "--quiet"),
    )
