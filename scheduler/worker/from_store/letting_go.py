"""Lets jobs go that were held for a limit or a throttle, once their limiter has room.

    a limited job ended here ─┐
    a second has passed ──────┼─▶ limiters that were left, or open ─▶ let_go ─▶ queue.enqueue
    a throttle opens ─────────┘   and, in turn, all that hold jobs

It runs on every node. What ended is seen from the jobs themselves, so it does not matter which node
ended them, nor whether that node lives. The second look finds what nobody has left: a limit that
was raised, or a job that was let go and then aborted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from scheduler.core.change import changed
from scheduler.core.errors import QueueUnavailable, Unavailable
from scheduler.core.job import WaitingJob
from scheduler.core.limits.limiters import given_up, rule_of, rules_of
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quotas
from scheduler.core.tasks import Tasks
from scheduler.worker.from_store.hindered import Hindered

LOOK_S: Final = 1.0
"""The longest time between two looks: another node may have ended a job, and have died since."""
SPACING_S: Final = 0.01
"""The shortest one: many limited jobs may end in a second."""
LIMITERS_MAX: Final = 200
"""How many limiters one look takes, each with a write of its own where it has room."""
JOBS_MAX: Final = 200
"""How many jobs of a limiter one write lets go."""
FORGET_EVERY_S: Final = 10.0
IDLE_S: Final = 60.0
"""Limiters that no job was in for so long are deleted."""
FORGET_MAX: Final = 500


class LettingGo:
    """Lets held jobs of limiters go; every node has one."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        tasks: Tasks,
        quotas: Quotas,
        freed: asyncio.Event,
    ) -> None:
        """Collaborators.

        Args:
            tasks: the handlers of this node, whose limits count.
            freed: set where a limited job has ended on this node.
        """
        self._limiters = store.limiters
        self._hindered = Hindered(store=store, quotas=quotas)
        self._queue = queue
        self._clock = clock
        self._tasks = tasks
        self._freed = freed
        self._after = ""
        """The limiter up to which those that hold jobs have been looked at."""
        self._look_at = 0.0
        self._forget_at = 0.0

    async def run(self) -> None:
        """Look for ever. What fails because the store is away is done later."""
        while True:
            pause_s = LOOK_S
            with suppress(Unavailable):
                pause_s = await self.step()
            await asyncio.sleep(SPACING_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._freed.wait()

    async def step(self) -> float:
        """Let go what has room; the answer is in how many seconds the next step is."""
        self._freed.clear()
        freed = await self._limiters.freed(limit=LIMITERS_MAX)
        if empty := [limiter.key for limiter in freed if not limiter.holds]:
            await self._limiters.forget_holds(empty)
        await self._let_go([limiter.key for limiter in freed if limiter.holds])
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            await self._look_at_all()
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY_S
            await self._limiters.forget(idle_s=IDLE_S, limit=FORGET_MAX)
        if len(freed) >= LIMITERS_MAX:
            return 0.0
        opens_s = await self._limiters.next_opening_s()
        return LOOK_S if opens_s is None else min(LOOK_S, max(0.0, opens_s))

    async def _look_at_all(self) -> None:
        """Look at the next limiters that hold jobs."""
        await self._enqueue(await self._hindered.give_way())
        holding, last = await self._limiters.holding(
            after=self._after, rules=rules_of(self._tasks), limit=LIMITERS_MAX
        )
        self._after = last or ""
        open_now = given_up([limiter.key for limiter in holding], self._tasks)
        await self._let_go(
            [each.key for each in holding if each.has_room or rule_of(each.key) in open_now]
        )

    async def _let_go(self, keys: Sequence[str]) -> None:
        rules = {**rules_of(self._tasks), **given_up(keys, self._tasks)} if keys else {}
        for key in keys:
            await self._enqueue(await self._limiters.let_go(key, rules=rules, limit=JOBS_MAX))

    async def _enqueue(self, jobs: Sequence[WaitingJob]) -> None:
        if jobs:
            self._queue.announce([changed(job.id, job.uid) for job in jobs])
            # While the queue is away they wait in the store, and the sweeper enqueues them.
            with suppress(QueueUnavailable):
                await self._queue.enqueue(jobs)
