"""A peer of `make bench`, seen from the benchmark: its queue and its workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from bench.harness.run import ROOT
from bench.peers.environments import peer_python

END_S: Final = 10.0
"""How long the workers may take to exit after SIGTERM."""


class SpeedPeer:
    """A peer with this many workers.

    `settings` are the environment variables that name the servers.
    """

    def __init__(self, name: str, *, workers: int, settings: Mapping[str, str]) -> None:
        self._name = name
        self._environment = {**os.environ, **settings, "BENCH_WORKERS": str(workers)}

    async def submit(self, jobs: int, ms: float) -> None:
        """Put this many jobs into its queue, each of which computes for `ms` milliseconds."""
        await self._run("submit", jobs, ms)

    async def start_delays_s(self, samples: int) -> list[float]:
        """How long each of this many jobs waited for its start; its workers have to run."""
        found: list[float] = json.loads(await self._run("starts", samples))
        return found

    @asynccontextmanager
    async def running_workers(self) -> AsyncIterator[None]:
        """Run its workers while the block does; then end them and all that they started."""
        worker = await asyncio.create_subprocess_exec(
            *await self._command("work"),
            cwd=ROOT,
            env=self._environment,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            start_new_session=True,
        )
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                worker.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(END_S):
                    await worker.wait()
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)

    async def _run(self, *words: object) -> bytes:
        """Run a command of the peer, which has to succeed; what it prints."""
        process = await asyncio.create_subprocess_exec(
            *await self._command(*words), cwd=ROOT, env=self._environment, stdout=PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{self._name} does not {words[0]}"
        return output

    async def _command(self, *words: object) -> list[str]:
        python = await peer_python(self._name)
        return [str(python), "-m", f"bench.peers.speed.{self._name}", *map(str, words)]
