"""A peer of `make bench`: its queue, and its workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from bench.peers.abort_peer import ROOT, environment

END_S: Final = 10.0
"""How long the workers may take to end in their own way."""


class Contender:
    """A peer with so many workers, on the servers that `settings` name."""

    def __init__(self, name: str, *, workers: int, settings: Mapping[str, str]) -> None:
        self._name = name
        self._environment = {**os.environ, **settings, "BENCH_WORKERS": str(workers)}

    async def submit(self, jobs: int, ms: float) -> None:
        """Put so many jobs of so many milliseconds into its queue."""
        await self._run("submit", jobs, ms)

    async def starts_s(self, samples: int) -> list[float]:
        """How long each of so many jobs waited; a worker has to be there."""
        found: list[float] = json.loads(await self._run("starts", samples))
        return found

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Its workers, and all that they start, for as long as the block runs."""
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
        """What it prints; it has to end well."""
        process = await asyncio.create_subprocess_exec(
            *await self._command(*words), cwd=ROOT, env=self._environment, stdout=PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, f"{self._name} does not {words[0]}"
        return said

    async def _command(self, *words: object) -> list[str]:
        python = await environment(self._name)
        return [str(python), "-m", f"bench.peers.speed.{self._name}", *map(str, words)]
