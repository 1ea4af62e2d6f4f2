"""Dramatiq, on Redis, one thread a process."""

from __future__ import annotations

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench import counting
from bench.drains.peer import REDIS, WORKERS, main

dramatiq.set_broker(RedisBroker(url=REDIS))
count = dramatiq.actor(counting.count, actor_name="count", queue_name="drain-dramatiq")


def submit(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    for _ in range(jobs):
        count.send(ms)


if __name__ == "__main__":
    main(
        submit,
        *("dramatiq", "bench.drains.dramatiq", "--processes", WORKERS, "--threads", "1"),
    )
