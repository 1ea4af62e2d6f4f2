"""A peer, seen from the benchmark: a virtual environment of its own, and a process in it.

What is in the environment is pinned in `requirements/<peer>.txt`; it is made where it is missing,
or where the pins changed. What is measured is in `abort/measure.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from bench.harness.samples import Sample

ROOT: Final = Path(__file__).parents[2]
END_S: Final = 10.0
"""How long a peer may take to end."""


class Peer:
    """A peer with a worker of one process."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log

    async def abort(self, shape: str, *, times: int) -> list[Sample]:
        """Run a job of this shape and stop it, so many times."""
        return [await self._abort(shape) for _ in range(times)]

    async def _abort(self, shape: str) -> Sample:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{shape}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"the peer ended:\n{self._log.read_text()}")
        return Sample(**json.loads(line))


@asynccontextmanager
async def open_peer(name: str, *, redis_url: str, log: Path) -> AsyncIterator[Peer]:
    """Celery or RQ, for as long as the block runs."""
    python = await environment(name)
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
        yield Peer(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(END_S):
            await process.wait()


async def environment(name: str) -> Path:
    """The Python of a peer's virtual environment."""
    home = Path(sys.prefix) / f"bench-{name}"
    python, made = home / "bin" / "python", home / "requirements.txt"
    pins = Path(__file__).parent / "requirements" / f"{name}.txt"
    if not made.exists() or made.read_text() != pins.read_text():
        await _run(sys.executable, "-m", "venv", "--clear", home)
        await _run(
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--requirement", pins),
        )
        made.write_text(pins.read_text())
    return python


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait() != 0:
        raise RuntimeError(f"failed: {' '.join(map(str, command))}")
