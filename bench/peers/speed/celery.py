"""Celery, prefork, with the prefetch that its documentation advises for short tasks.

It stores states and results in Redis, its result backend.
"""

from __future__ import annotations

from celery import Celery

from bench.peers.speed.commands import JOBS, REDIS, WORKERS, main

app = Celery("bench", broker=REDIS, backend=REDIS)
app.conf.update(
    task_default_queue="bench-celery",
    worker_prefetch_multiplier=64,
)
for name, job in JOBS.items():
    app.task(name=name)(job)


async def submit(task: str, value: float) -> None:
    """Put a job into the queue."""
    app.send_task(task, (value,))


if __name__ == "__main__":
    main(
        submit,
        *("celery", "--app", "bench.peers.speed.celery", "worker", "--pool", "prefork"),
        *("--concurrency", WORKERS, "--loglevel", "ERROR"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
