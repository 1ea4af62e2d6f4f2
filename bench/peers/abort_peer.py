"""A peer of `make bench-abort`, seen from the benchmark: a process in the peer's environment.

That process runs `abort/`, which stops the jobs and measures.
"""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.harness.run import ROOT
from bench.harness.samples import Sample
from bench.peers.environments import peer_python

END_S: Final = 10.0
"""How long a peer may take to exit."""


class AbortPeer:
    """A peer with a worker of one process."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def abort(self, task: str, *, times: int) -> list[Sample]:
        """Run a job of this task and stop it, `times` times."""
        return [await self._abort(task) for _ in range(times)]

    async def _abort(self, task: str) -> Sample:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{task}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"the peer ended:\n{self._log.read_text()}")
        return Sample(**json.loads(line))


@asynccontextmanager
async def open_peer(name: str, *, redis_url: str, log: Path) -> AsyncIterator[AbortPeer]:
    """Celery or RQ, while the block runs."""
    python = await peer_python(name)
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(python, "-m", f"bench.peers.abort.{name}"),
            cwd=ROOT,
            env={**os.environ, "BENCH_REDIS": redis_url},
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield AbortPeer(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(END_S):
            await process.wait()
