"""Dramatiq, on Redis, one thread per process: more threads would share one interpreter lock.

By default a process fetches two messages at a time from Redis, and is idle in between. With a
hundred it is many times as fast.
"""

from __future__ import annotations

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers.speed.commands import JOBS, REDIS, WORKERS, main

dramatiq.set_broker(RedisBroker(url=REDIS))
ACTORS = {
    name: dramatiq.actor(job, actor_name=name, queue_name="bench-dramatiq")
    for name, job in JOBS.items()
}


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    ACTORS[task].send(value)


if __name__ == "__main__":
    os.environ["dramatiq_queue_prefetch"] = "100"  # noqa: SIM112 - its name
    main(
        submit,
        *("dramatiq", "bench.peers.speed.dramatiq", "--processes", WORKERS, "--threads", "1"),
    )
