"""A node's look at the schedules: has jobs made of what is due, and lets go of those that waited.

    the next time that the store knows ─▶ sleep until then ─▶ store.schedules.due ─▶ firings.handle
                                          at most a second    .replaced ─▶ service.abort_replaced
                                                              .let_go ───▶ queue.enqueue

It runs on every node, as the promoter does, and needs no leader: each step is guarded. A job that
replaces others waits until they are over, so a node that dies in between leaves nothing undone: any
look finds what is to be aborted, and what may go.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from scheduler.core.change import changed
from scheduler.core.errors import QueueUnavailable, Unavailable
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.service.schedules.firing import Firings
from scheduler.service.service import Service

LOOK_S: Final = 1.0
"""The longest sleep: another node may have stored a nearer time, and have died before it came."""
OVERLAP_S: Final = 0.2
"""The longest sleep while a job waits for another one of its schedule to be over."""
SPACING_S: Final = 0.02
"""The shortest time between two looks where nothing was left to do."""
STEP_MAX: Final = 20
"""How many schedules, or jobs, one step deals with."""


class ScheduleLook:
    """Looks after the schedules; every node has one."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        firings: Firings,
        service: Service,
        nearer: asyncio.Event,
    ) -> None:
        """Collaborators.

        Args:
            nearer: set where this node has stored what may be due earlier than all others.
        """
        self._store = store
        self._queue = queue
        self._firings = firings
        self._service = service
        self._nearer = nearer

    async def run(self) -> None:
        """Take steps for ever. One that fails because the store is away is repeated later."""
        while True:
            pause_s = LOOK_S
            with suppress(Unavailable):
                pause_s = await self.step()
            await self._pause(pause_s)

    async def step(self) -> float:
        """Do some of what is due; the answer is in how many seconds the next step is."""
        self._nearer.clear()
        due_s, overlapping = await self._store.schedules.upcoming()
        done = 0
        if due_s is not None and due_s <= 0:
            done += await self._fire()
        if overlapping or done:
            done += await self._part()
        if done:
            return 0.0
        longest = OVERLAP_S if overlapping else LOOK_S
        return longest if due_s is None else max(SPACING_S, min(due_s, longest))

    async def _fire(self) -> int:
        """Handle what is due; how many schedules."""
        done = 0
        for standing in await self._store.schedules.due(limit=STEP_MAX):
            with suppress(Unavailable):  # one that the store refuses keeps no other one waiting
                done += await self._firings.handle(standing)
        return done

    async def _part(self) -> int:
        """Abort what is replaced, and let go what waited for it, or for its turn; how many."""
        old = await self._store.schedules.replaced(limit=STEP_MAX)
        for job in old:
            await self._service.abort_replaced(job.id, job.uid)
        waiting, timed = await self._store.schedules.let_go(limit=STEP_MAX)
        self._queue.announce([changed(job.id, job.uid) for job in (*waiting, *timed)])
        if timed:
            self._service.look_for_held()
        if waiting:
            with suppress(QueueUnavailable):
                await self._queue.enqueue(waiting)
        return len(old) + len(waiting) + len(timed)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not after something nearer was stored here."""
        if seconds <= SPACING_S:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(SPACING_S)
                await self._nearer.wait()
