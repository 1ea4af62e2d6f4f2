"""RQ, with its forking worker: `send_stop_job_command`."""

from __future__ import annotations

import os
import sys

from redis import Redis
from rq import Queue
from rq.command import send_stop_job_command

from bench.peers.abort.measure import serve

URL = os.environ["BENCH_REDIS"]
WORKER = (*(sys.executable, "-m", "rq.cli", "worker", "--url", URL, "--quiet", "bench-rq"),)


class RqPeer:
    """Submits and stops jobs with RQ."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(URL)
        self._queue = Queue("bench-rq", connection=self._redis)

    def submit(self, task: str, data: dict[str, str]) -> str:
        """Submit a job, and return its id."""
        return str(self._queue.enqueue(f"bench.jobs.endless.{task}", data, job_timeout=-1).id)

    def stop(self, job_id: str) -> None:
        """Stop a running job."""
        send_stop_job_command(self._redis, job_id)


if __name__ == "__main__":
    serve(RqPeer(), worker=WORKER)
