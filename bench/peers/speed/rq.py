"""RQ, with a pool of the forking workers that its documentation asks for in production.

It stores states and results for some minutes.
"""

from __future__ import annotations

from redis import Redis
from rq import Queue

from bench.peers.speed.commands import JOBS, REDIS, WORKERS, main

queue = Queue("bench-rq", connection=Redis.from_url(REDIS))


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    queue.enqueue(JOBS[task], value)


if __name__ == "__main__":
    main(
        submit,
        *("rq.cli", "worker-pool", "--url", REDIS, "--num-workers", WORKERS),
        *("--quiet", "bench-rq"),
    )
