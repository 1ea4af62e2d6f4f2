"""The promoter: lets held jobs go once they may begin, and ends those that may not any more.

    the next time that the store knows ─▶ sleep until then ─▶ store.promote ───────▶ queue.enqueue
                                          at most a second    store.pauses.let_go ─▶ queue.enqueue
                                                              dependencies.resolve ▶ queue.enqueue
                                                              store.expire
                                                              store.let_go_unique ──▶ queue.enqueue

It runs on every node. Each step is guarded, so that any number of nodes may take it at once, and
small, so that no other write waits for long. The store's clock alone says what is due: what waits
for a time is in the store, and no node need remember it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from scheduler.core.change import changed
from scheduler.core.errors import QueueUnavailable, StoreUnavailable, Unavailable
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.telemetry.job_events import JobEvents

LOOK_S: Final = 1.0
"""The longest sleep: another node may have stored a nearer time, and have died before it came."""
SPACING_S: Final = 0.02
"""The shortest time between two looks where nothing was left to do: thousands of jobs may be stored
in a second that wait for times, and several nodes may wake up for the same one."""
STEP_MAX: Final = 200
"""How many jobs one write promotes, lets go or ends."""
EDGES_MAX: Final = 1000
"""How many relations between jobs one step closes: as many as a job may have, in some ten
milliseconds."""
ENDED_MAX: Final = 20
"""How many pauses that have ended one step looks at."""


class Promoter:
    """Promotes and ends jobs; every node has one."""

    def __init__(
        self, *, store: Store, queue: Queue, job_events: JobEvents, nearer: asyncio.Event
    ) -> None:
        """Collaborators.

        Args:
            nearer: set where this node has stored a time that may be nearer than all others, or
                the end of a job that others wait for: `Store.due`.
        """
        self._store = store
        self._queue = queue
        self._job_events = job_events
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
        due_s = await self._store.next_due_s()
        if due_s is None or due_s > 0:
            return LOOK_S if due_s is None else min(due_s, LOOK_S)
        done = await self._promote() + await self._expire() + await self._let_go()
        done += await self._resolve()
        done += await self._let_go_unique()
        return 0.0 if done else SPACING_S

    async def _promote(self) -> int:
        """Let held jobs wait for a worker, and enqueue them; how many."""
        promoted = await self._store.promote(limit=STEP_MAX)
        self._queue.announce([changed(job.id, job.uid) for job in promoted])
        if promoted:
            # While the queue is away they wait in the store, and the sweeper enqueues them.
            with suppress(QueueUnavailable):
                await self._queue.enqueue(promoted)
        return len(promoted)

    async def _let_go(self) -> int:
        """Let go what pauses held that have ended, and forget these; how much was done."""
        done = 0
        for key in await self._store.pauses.ended(limit=ENDED_MAX):
            freed = await self._store.pauses.let_go(key, limit=STEP_MAX)
            self._queue.announce([changed(job.id, job.uid) for job in freed])
            with suppress(QueueUnavailable):
                await self._queue.enqueue(freed)
            done += len(freed)
            if len(freed) < STEP_MAX:
                done += await self._store.pauses.forget(key)
        return done

    async def _resolve(self) -> int:
        """Act on the ends of jobs that others wait for; how much was done.

        What a job that was aborted here keeps from running is found by the next step.
        """
        resolved = await self._store.dependencies.resolve(limit=EDGES_MAX)
        waiting = [*resolved.freed, *resolved.timed]
        self._queue.announce([changed(job.id, job.uid) for job in waiting])
        self._queue.announce([changed(job.id, job.uid) for job in resolved.aborted])
        if resolved.freed:
            with suppress(QueueUnavailable):
                await self._queue.enqueue(resolved.freed)
        self._job_events.aborted_after_others(resolved.aborted)
        return resolved.done

    async def _let_go_unique(self) -> int:
        """Let jobs go that replace others, once these are over; how many."""
        waiting, timed = await self._store.let_go_unique(limit=STEP_MAX)
        self._queue.announce([changed(job.id, job.uid) for job in (*waiting, *timed)])
        if waiting:
            with suppress(QueueUnavailable):
                await self._queue.enqueue(waiting)
        return len(waiting) + len(timed)

    async def _expire(self) -> int:
        """End jobs that have not begun in time; how many."""
        ids = await self._store.expire(limit=STEP_MAX)
        self._queue.announce(list(map(changed, ids)))
        with suppress(StoreUnavailable):
            if ids:
                self._job_events.expired(await self._store.outlines(ids))
        return len(ids)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not after a nearer time was stored here."""
        if seconds <= SPACING_S:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(SPACING_S)
                await self._nearer.wait()
