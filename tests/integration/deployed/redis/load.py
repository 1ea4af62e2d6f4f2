"""A user who submits all the time, and how long he, and his jobs, had to wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from time import monotonic
from typing import Final

from tests.support.effort import rounds
from tests.support.nodes import Body, Node

PAUSE_S: Final = 1 / rounds(8, long=50)
"""Between two submissions."""
END_S: Final = 60.0


@dataclass
class Load:
    """What was submitted to a node, and answered with 202."""

    jobs: list[Body] = field(default_factory=list)
    answered_at: list[float] = field(default_factory=list)
    ended: list[Body] = field(default_factory=list)

    @property
    def submits_paused_s(self) -> float:
        return _longest(self.answered_at)

    @property
    def starts_paused_s(self) -> float:
        return _longest(
            sorted(datetime.fromisoformat(job["started_at"]).timestamp() for job in self.ended)
        )

    async def submit(self, node: Node) -> None:
        """Submit for ever; an answer other than 202 fails."""
        while True:
            self.jobs.append(await node.submit("echo", len(self.jobs)))
            self.answered_at.append(monotonic())
            await asyncio.sleep(PAUSE_S)

    async def end(self, node: Node) -> None:
        """Wait until each job is at its end."""
        self.ended = [await node.job(job, wait_s=END_S) for job in self.jobs]


@asynccontextmanager
async def under_load(node: Node) -> AsyncIterator[Load]:
    """Submit while the block runs; after it, all jobs are at their end."""
    load = Load()
    async with asyncio.TaskGroup() as group:
        submitting = group.create_task(load.submit(node))
        yield load
        submitting.cancel()
    await load.end(node)


def _longest(instants: Sequence[float]) -> float:
    return max((later - earlier for earlier, later in pairwise(instants)), default=0.0)
