"""When so many jobs of the benchmark have run, whoever ran them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from bench.jobs.counting import FOLDER, counted

LOOK_S: Final = 0.02
DONE_S: Final = 180.0
"""How long a backlog may take."""
BEGUN: Final = 10
"""One in so many jobs goes by before the clock runs, so that nobody's start is measured."""


def tally() -> int:
    """How many jobs were counted so far."""
    return counted(Path(os.environ[FOLDER]))


async def rate(jobs: int, *, after: int) -> float:
    """Jobs a second of the next so many, once `after` are counted."""
    first = jobs // BEGUN
    begun_at = await _when(after + first)
    ended_at = await _when(after + jobs)
    return (jobs - first) / (ended_at - begun_at)


async def _when(count: int) -> float:
    """When so many jobs are counted."""
    async with asyncio.timeout(DONE_S):
        while tally() < count:  # noqa: ASYNC110 - what counts is memory, and tells nobody
            await asyncio.sleep(LOOK_S)
    return asyncio.get_running_loop().time()
