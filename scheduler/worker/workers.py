"""The node's workers: as many as `[node] workers` says; each has a slot and runs one job at a time.

    worker 1 ─┬─ claimer 1    takes a ticket ─▶ claims ─▶ executes ─▶ settles ─▶ takes a ticket …
              ├─ …
              └─ claimer 20
    worker 2 ─┬─ …

Each claimer does all of these steps. While one claimer of a worker runs a job, others may claim the
next ones and settle the last ones, so a slot waits for neither store nor queue. All workers share
the slots, the line for them and the looks in the store.
"""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import Final

from scheduler.basics.retry import Backoff
from scheduler.core.errors import Unavailable
from scheduler.core.ports.clock import Clock
from scheduler.worker.claiming import Claiming
from scheduler.worker.drain import Drain
from scheduler.worker.execution import Execution
from scheduler.worker.slot_line import SlotLine

CLAIMERS: Final = 20
"""For each worker: one runs a job, the others claim ahead or settle."""


class Workers:
    """Runs the workers of one node."""

    def __init__(
        self,
        number: int,
        *,
        claiming: Claiming,
        execution: Execution,
        slot_line: SlotLine,
        drain: Drain,
        clock: Clock,
        random: Random,
    ) -> None:
        self._number = number
        self._claiming = claiming
        self._execution = execution
        self.slot_line = slot_line
        self._drain = drain
        self._clock = clock
        self._random = random

    async def run(self) -> None:
        """Work until `drain`, and then until the running jobs have ended."""
        async with asyncio.TaskGroup() as group:
            for number in range(1, self._number + 1):
                group.create_task(self._worker(number), name=f"worker {number}")

    def drain(self) -> None:
        """Claim no further job, and give back the jobs that are claimed but have not begun."""
        self._drain.begin()

    def close(self) -> None:
        """Start no further pool process."""
        self.slot_line.close()

    async def _worker(self, number: int) -> None:
        """Run one worker: its claimers."""
        async with asyncio.TaskGroup() as group:
            for claimer in range(1, CLAIMERS + 1):
                name = f"worker {number}, claimer {claimer}"
                group.create_task(self._claim_and_execute(group), name=name)

    async def _claim_and_execute(self, group: asyncio.TaskGroup) -> None:
        """Use one ticket after the other; after a failure, hold the ticket unused for a pause.

        Args:
            group: the worker's; runs the tasks of its attempts.
        """
        execute = partial(self._execution.execute, group=group)
        backoff = Backoff(self._random, sleep=self._clock.sleep)
        while not self._drain.begun:
            with self.slot_line.ticket() as ticket:
                try:
                    await self._claiming.claim_next(ticket, execute)
                    backoff.reset()
                except Unavailable:
                    ticket.failed()
                    await self._drain.unless(backoff.pause())
