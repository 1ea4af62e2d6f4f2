"""Jobs per second, by the jobs that were counted, no matter which scheduler ran them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from bench.jobs.counting import COUNTS, counted

POLL_S: Final = 0.02
DONE_S: Final = 180.0
"""How long a backlog may take."""
SKIPPED: Final = 10
"""The clock starts after one in this many jobs, so that no scheduler's start is measured."""


def jobs_done() -> int:
    """How many jobs have run so far."""
    return counted(Path(os.environ[COUNTS]))


async def jobs_per_s(jobs: int, *, after: int) -> float:
    """Jobs per second of the next `jobs` jobs, once `after` jobs have run."""
    begun_at = await _reached_at(after + jobs // SKIPPED)
    begun = jobs_done() - after  # more than a tenth where they ran while others were submitted
    ended_at = await _reached_at(after + jobs)
    return (jobs - begun) / (ended_at - begun_at)


async def _reached_at(count: int) -> float:
    """The loop's time once this many jobs have run."""
    async with asyncio.timeout(DONE_S):
        while jobs_done() < count:  # noqa: ASYNC110 - mapped memory sends no event
            await asyncio.sleep(POLL_S)
    return asyncio.get_running_loop().time()
