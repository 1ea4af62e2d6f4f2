"""A worker: one coroutine that takes one job after the other and sees it through.

    next id ─▶ claim ─▶ attempt, with its watcher ─▶ conclude ─▶ settle ─▶ tell who waits
       ▲                                                                       │
       └───────────────────────────────────────────────────────────────────────┘

The id is a hint and the claim is the job: whoever has no claim runs nothing, however often an id
comes. A worker that hears of no id for a while looks at the store itself, so that jobs run, only
later, even with an empty or a missing queue.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

import structlog

from scheduler.errors import QueueUnavailable, Unavailable
from scheduler.job import NOTHING_RAN, Crashed, Purpose, Stopped, StopReason
from scheduler.policy import backoff_s, idle_s, looks_s
from scheduler.worker.attempt import Attempt
from scheduler.worker.watcher import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from scheduler.handler import HandlerOptions
    from scheduler.job import Claim, Outcome
    from scheduler.lease import Lease
    from scheduler.ports import Clock, Queue, Store
    from scheduler.worker.pool_process import PoolProcess
    from scheduler.worker.roster import Roster
    from scheduler.worker.settling import Settling
    from scheduler.worker.slots import Slots
    from scheduler.worker.vigil import Vigil

log = structlog.get_logger()

CLEANUP_LIMIT_S: Final = 60.0
"""Time limit of an `on_abort`: it undoes, and its user waits for that."""


class Worker:
    """Works on one job at a time, in a pool process of its own."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        random: Random,
        slots: Slots,
        lease: Lease,
        roster: Roster,
        settling: Settling,
        vigil: Vigil,
        tasks: Mapping[str, HandlerOptions],
        node_id: str,
        notify: Callable[[Claim, object], None],
        idle_window_s: float,
        first_look_s: float,
        longest_look_s: float,
        grace_s: float,
    ) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._random = random
        self._slots = slots
        self._lease = lease
        self._roster = roster
        self._settling = settling
        self._vigil = vigil
        self._tasks = tasks
        self._node_id = node_id
        self._notify = notify
        self._idle_window_s = idle_window_s
        self._first_look_s = first_look_s
        self._longest_look_s = longest_look_s
        self._grace_s = grace_s
        self._process: PoolProcess | None = None
        self._draining = False
        self._waiting: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Work until `drain`, and on to the end of the job that runs then."""
        failures = 0
        while not self._draining:
            try:
                claim = await self._next()
            except Unavailable as error:
                log.warning("a worker waits", error=str(error))
                failures += 1
                await self._pause(backoff_s(failures, random=self._random))
            else:
                failures = 0
                if claim is not None:
                    await self._see_through(claim)

    def drain(self) -> None:
        """Take no further job; end the wait for one."""
        self._draining = True
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _next(self) -> Claim | None:
        """Wait for an id and claim its job; None where there was nothing to claim."""
        self._process = await self._slots.ready(self._process)
        job_id = await self._dequeue()
        ids = await self._store.waiting(limit=1) if job_id is None else [job_id]
        if self._draining and job_id is not None:
            await self._queue.give_back(job_id)
        if self._draining or not ids:
            return None
        claims = await self._store.claim(ids, node_id=self._node_id, at=self._clock.now())
        if job_id is not None:
            with suppress(QueueUnavailable):
                await self._queue.acknowledge(job_id)
        return claims[0] if claims else None

    async def _dequeue(self) -> str | None:
        """The next id; None after a random part of the idle window, at once when draining."""
        job_id = None
        wait_s = idle_s(window_s=self._idle_window_s, random=self._random)
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._draining else None) as self._waiting:
                try:
                    job_id = await self._queue.dequeue(wait_s=wait_s)
                except QueueUnavailable as error:
                    log.warning("the queue is away; looking at the store", error=str(error))
                    await self._clock.sleep(wait_s)
        self._waiting = None
        return job_id

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if self._draining else None) as self._waiting:
                await self._clock.sleep(seconds)
        self._waiting = None

    async def _see_through(self, claim: Claim) -> None:
        """Everything from a claim to its settlement."""
        options = self._tasks.get(claim.task)
        if options is None:
            await self._settling.settle_unknown(claim)
            return
        mark = self._lease.mark()
        # A clean-up gets a fresh process: the job's own code may have broken the one at hand.
        fresh = claim.purpose is Purpose.CLEAN
        self._process = await self._slots.ready(self._process, fresh=fresh)
        attempt = self._attempt(claim, options, self._process)
        with ExitStack() as holding:
            holding.enter_context(self._roster.entry(attempt))
            if self._lease.unbroken(mark):
                outcome = await self._run(attempt)
            else:
                outcome = Stopped(StopReason.LEASE_LOST, NOTHING_RAN)
            if isinstance(outcome, Crashed) and not self._lease.unbroken(mark):
                # The warden ended the process because this node did not act in time itself.
                outcome = Stopped(StopReason.LEASE_LOST, NOTHING_RAN)
            if attempt.survivors and isinstance(outcome, Stopped):
                self._vigil.begin(attempt, outcome, holding=holding.pop_all())
            else:
                await self._settling.settle(claim, outcome, attempt.progress)

    async def _run(self, attempt: Attempt) -> Outcome:
        """Run the attempt, with its watcher beside it; a clean-up cannot be aborted."""
        if attempt.claim.purpose is Purpose.CLEAN:
            return await attempt.run()
        looks = looks_s(first_s=self._first_look_s, longest_s=self._longest_look_s)
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(
                watch(attempt, store=self._store, queue=self._queue, looks_s=looks),
                name=f"watch {attempt.claim.id}",
            )
            outcome = await attempt.run()
            watcher.cancel()
        return outcome

    def _attempt(self, claim: Claim, options: HandlerOptions, process: PoolProcess) -> Attempt:
        clean = claim.purpose is Purpose.CLEAN
        return Attempt(
            claim,
            process=process,
            slots=self._slots,
            options=options,
            node_grace_s=self._grace_s,
            time_limit_s=CLEANUP_LIMIT_S if clean else options.timeout_s,
            notify=self._notify,
        )
