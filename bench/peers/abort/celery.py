"""Celery, with its prefork pool: `revoke(terminate=True, signal="SIGKILL")`."""

from __future__ import annotations

import os
import sys

from celery import Celery

from bench.jobs import endless
from bench.peers.abort.measure import serve

app = Celery("bench", broker=os.environ["BENCH_REDIS"])
app.conf.update(task_ignore_result=True, task_default_queue="bench-celery")
app.task(name="loop")(endless.loop)
app.task(name="tree")(endless.tree)

WORKER = (
    *(sys.executable, "-m", "celery", "--app", "bench.peers.abort.celery", "worker"),
    *("--pool", "prefork", "--concurrency", "1", "--loglevel", "ERROR"),
)


class CeleryPeer:
    """Submits and stops jobs with Celery."""

    def submit(self, task: str, data: dict[str, str]) -> str:
        """Submit a job, and return its id."""
        return str(app.send_task(task, (data,)).id)

    def stop(self, job_id: str) -> None:
        """Stop a running job."""
        app.control.revoke(job_id, terminate=True, signal="SIGKILL")


if __name__ == "__main__":
    serve(CeleryPeer(), worker=WORKER)
