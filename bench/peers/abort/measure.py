"""The part of a peer's benchmark that is the same for each: runs in the peer's own environment.

    "loop" on standard input ──▶ submit, wait until it runs, stop it, look when its process is gone
    {"ms": 7.1, …} on standard output ◀──┘

Peers answer nothing when a job is dead, so it is the benchmark that looks: at the process that ran
the job, until it is dead and then until it has left the process table, and at the job's children.
Standard library only.
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
from bench.jobs.process_table import DEAD, GONE, JOB, LOOK_S, await_state, end_marked, survivors

BEGIN_S: Final = 60.0
"""How long a job may take to begin: the first one waits for the peer's worker to start."""
GONE_S: Final = 30.0
"""How long a stopped process may take to go; Celery leaves some for 5 s, as zombies."""
CHILDREN_S: Final = 0.5
"""How long children may take to go, after the process that started them went."""
END_S: Final = 5.0
"""How long a peer's worker may take to end in its own way."""


class Peer(Protocol):
    """What is asked of a peer."""

    def submit(self, shape: str, order: dict[str, str]) -> str:
        """Submit a job, and answer its id."""

    def stop(self, job_id: str) -> None:
        """Stop a running job, the hardest way the peer has."""


def serve(peer: Peer, *, worker: Sequence[str]) -> None:
    """Start the peer's worker, and measure whatever standard input asks for, until it ends."""
    with TemporaryDirectory(prefix="bench-peer-") as folder, _running(worker):
        for line in sys.stdin:
            print(json.dumps(_measure(peer, line.strip(), Path(folder))), flush=True)


def _measure(peer: Peer, shape: str, folder: Path) -> dict[str, float]:
    cookie = uuid4().hex
    file = folder / cookie
    job_id = peer.submit(shape, {"file": str(file), "cookie": cookie})
    pid = _await_begin(file)
    time.sleep(RUN_S)
    called_at = time.monotonic()
    peer.stop(job_id)
    await_state(pid, DEAD, within_s=GONE_S)
    dead_at = time.monotonic()
    await_state(pid, GONE, within_s=GONE_S)
    gone_at = time.monotonic()
    left = survivors(cookie, within_s=CHILDREN_S)
    end_marked(JOB, cookie)
    return {
        "ms": (dead_at - called_at) * 1000,
        "reaped_ms": (gone_at - called_at) * 1000,
        "survivors": left,
    }


def _await_begin(file: Path) -> int:
    """Wait until a job runs; the number of its process."""
    deadline = time.monotonic() + BEGIN_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"no job began within {BEGIN_S} s")
        time.sleep(LOOK_S)
    return int(file.read_text())


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    """A peer's worker, which says on our standard error what goes wrong."""
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
