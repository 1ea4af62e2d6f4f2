"""Celery, prefork, results ignored."""

from __future__ import annotations

from celery import Celery

from bench import counting
from bench.drains.peer import REDIS, WORKERS, main

app = Celery("bench", broker=REDIS)
app.conf.update(task_ignore_result=True, task_default_queue="drain-celery")
count = app.task(name="count")(counting.count)


def submit(jobs: int, ms: float) -> None:
    """Put jobs into the queue."""
    for _ in range(jobs):
        count.delay(ms)


if __name__ == "__main__":
    main(
        submit,
        *("celery", "--app", "bench.drains.celery", "worker", "--pool", "prefork"),
        *("--concurrency", WORKERS, "--loglevel", "ERROR"),
    )
