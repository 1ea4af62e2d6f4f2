"""RQ, with a pool of forking workers."""

from __future__ import annotations

from redis import Redis
from rq import Queue

from bench.drains.peer import REDIS, WORKERS, main


def submit(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    queue = Queue("drain-rq", connection=Redis.from_url(REDIS))
    for _ in range(jobs):
        queue.enqueue("bench.counting.count", ms, result_ttl=0)


if __name__ == "__main__":
    main(
        submit,
        *("rq.cli", "worker-pool", "--url", REDIS, "--num-workers", WORKERS),
        *("--quiet", "drain-rq"),
    )
