"""arq, which has no pool of processes, so several workers are started.

It polls its queue, at short intervals here, and stores results for an hour.
"""

from __future__ import annotations

from typing import Any

from arq.connections import ArqRedis, RedisSettings

from bench.jobs import counting
from bench.peers.speed.commands import REDIS, WORKERS, main

QUEUE = "bench-arq"
LOGGING = {"version": 1}
"""No log output, as for the other peers."""
redis = ArqRedis.from_url(REDIS)


async def count(_context: Any, value: float) -> None:  # noqa: ANN401 - whatever it is given
    """Compute for this many milliseconds, and count the job."""
    counting.count(value)


class WorkerSettings:
    """What the worker reads."""

    functions = (count,)
    redis_settings = RedisSettings.from_dsn(REDIS)
    queue_name = QUEUE
    max_jobs = 100
    poll_delay = 0.01


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    await redis.enqueue_job(task, value, _queue_name=QUEUE)


if __name__ == "__main__":
    main(
        submit,
        *("arq", "bench.peers.speed.arq.WorkerSettings"),
        *("--custom-log-dict", "bench.peers.speed.arq.LOGGING"),
        session=redis,
        copies=int(WORKERS),
    )
