"""Measures how long a peer takes to stop a job; runs in the peer's virtual environment.

    "loop" on standard input ──▶ submit, wait until it runs, stop it, wait until its process is gone
    {"ms": 7.1, …} on standard output ◀──┘

Peers do not report when a job is dead. So the benchmark watches the process that ran the job, until
it is dead and then until it has left the process table, and counts the job's children. Standard
library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol
from uuid import uuid4

from bench.jobs.endless import RUN_S
from bench.jobs.process_table import (
    DEAD,
    GONE,
    JOB_MARK,
    POLL_S,
    end_marked,
    survivors,
    wait_for_state,
)

START_S: Final = 60.0
"""How long a job may take to start: the first one waits for the peer's worker to start."""
GONE_S: Final = 30.0
"""How long a stopped process may take to disappear; Celery leaves some for 5 s, as zombies."""
CHILDREN_S: Final = 0.5
"""How long children may take to disappear after the process that started them did."""
END_S: Final = 5.0
"""How long a peer's worker may take to exit after SIGTERM."""


class Peer(Protocol):
    """What is needed of a peer."""

    def submit(self, task: str, data: dict[str, str]) -> str:
        """Submit a job, and return its id."""

    def stop(self, job_id: str) -> None:
        """Stop a running job, the hardest way the peer has."""


def serve(peer: Peer, *, worker: Sequence[str]) -> None:
    """Start the peer's worker, and measure the task on each line of standard input."""
    with TemporaryDirectory(prefix="bench-peer-") as folder, _running(worker):
        for line in sys.stdin:
            print(json.dumps(_measure(peer, line.strip(), Path(folder))), flush=True)


def _measure(peer: Peer, task: str, folder: Path) -> dict[str, float]:
    mark = uuid4().hex
    file = folder / mark
    job_id = peer.submit(task, {"file": str(file), "mark": mark})
    pid = _wait_for_start(file)
    time.sleep(RUN_S)
    called_at = time.monotonic()
    peer.stop(job_id)
    wait_for_state(pid, DEAD, within_s=GONE_S)
    dead_at = time.monotonic()
    wait_for_state(pid, GONE, within_s=GONE_S)
    gone_at = time.monotonic()
    left = survivors(mark, within_s=CHILDREN_S)
    end_marked(JOB_MARK, mark)
    return {
        "ms": (dead_at - called_at) * 1000,
        "reaped_ms": (gone_at - called_at) * 1000,
        "survivors": left,
    }


def _wait_for_start(file: Path) -> int:
    """Wait until a job runs; the id of its process."""
    deadline = time.monotonic() + START_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no job began within {START_S} s")
        time.sleep(POLL_S)
    return int(file.read_text())


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    """A peer's worker while the block runs; it writes errors to our standard error."""
    worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    try:
        yield
    finally:
        worker.terminate()
        try:
            worker.wait(END_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
