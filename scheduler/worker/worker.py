"""A worker: takes one job after the other and sees it through.

    next id ─▶ claim ─▶ attempt, with its watcher ─▶ conclude ─▶ settle ─▶ tell who waits
       ▲         its ticket in one of the node's slots │                         │
       └───────────────────────────────────────────────────────────────────────┘

It has some hands for that, each of which does all of it: while one runs a job, another one may
fetch and claim the next, and others write what became of the last ones. So its slot waits for
neither store nor queue.

The id is a hint and the claim is the job: whoever has no claim runs nothing, however often an id
comes. A worker that hears of no id for a while looks at the store itself, so that jobs run, only
later, even with an empty or a missing queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from random import Random
from typing import Final, TypeVar

from scheduler.basics.wait import Wait
from scheduler.core.change import running
from scheduler.core.errors import QueueUnavailable, StoreUnavailable, Unavailable
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    NOTHING_RAN,
    Claim,
    Crashed,
    Death,
    Outcome,
    Purpose,
    Stopped,
    StopReason,
)
from scheduler.core.job_log import LogStream
from scheduler.core.policy import backoff_s, idle_s, looks_s
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker.abort_watcher import AbortWatcher
from scheduler.worker.attempt import Attempt
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import Entry, LocalJobs
from scheduler.worker.settling import Settling
from scheduler.worker.slot_line import SlotLine, SlotTicket
from scheduler.worker.unkillable import UnkillableProcesses

T = TypeVar("T")

KILLED_BY_WARDEN: Final = Death(signal="SIGKILL", processes=1, survivors=0)
CLAIMERS: Final = 20
"""Of a worker: in one a job runs, in the rest they are ready, or are being settled."""
CLEANUP_LIMIT_S: Final = 60.0
"""Time limit of an `on_abort` whose handler has none: it undoes, and its user waits for that."""


class Worker:
    """Works on jobs, one at a time, while it fetches the next and settles the last."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        random: Random,
        slots: Slots,
        slot_line: SlotLine,
        lease: Lease,
        local_jobs: LocalJobs,
        settling: Settling,
        unkillable: UnkillableProcesses,
        tasks: Mapping[str, HandlerOptions],
        node_id: str,
        job_events: JobEvents,
        hear: Callable[[Claim, LogStream, bytes], None],
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
        self._slot_line = slot_line
        self._lease = lease
        self._local_jobs = local_jobs
        self._settling = settling
        self._unkillable = unkillable
        self._tasks = tasks
        self._node_id = node_id
        self._job_events = job_events
        self._hear = hear
        self._idle_window_s = idle_window_s
        self._first_look_s = first_look_s
        self._longest_look_s = longest_look_s
        self._grace_s = grace_s
        self._draining = False
        self._interrupts: set[Callable[[], object]] = set()
        """What ends the waits that a drain is not to wait for."""

    async def run(self) -> None:
        """Work until `drain`, and on to the end of the job that runs then."""
        async with asyncio.TaskGroup() as self._group:
            for number in range(CLAIMERS):
                self._group.create_task(self._work(), name=f"hand {number + 1}")

    async def _work(self) -> None:
        """Take one ticket after the other; after a failed one keep it for a while, unused."""
        failures = 0
        while not self._draining:
            with self._slot_line.ticket() as ticket:
                try:
                    await self._use(ticket)
                    failures = 0
                except Unavailable:
                    failures += 1
                    ticket.failed()
                    pause_s = backoff_s(failures, random=self._random)
                    await self._until_drain(self._clock.sleep(pause_s))

    def drain(self) -> None:
        """Take no further job, and give back what has not begun."""
        self._draining = True
        for interrupt in tuple(self._interrupts):
            interrupt()

    async def _use(self, ticket: SlotTicket) -> None:
        """Wait for an id and see its job through, where it is to be had."""
        if (job_id := await self._until_drain(self._dequeue(ticket))) is None:
            await self._look(ticket)
        elif self._draining:
            await self._queue.give_back(job_id)
        else:
            await self._take(job_id, ticket, dequeued=True)

    async def _look(self, ticket: SlotTicket) -> None:
        """Ask the store for a job that waits, its id lost or its queue away, and see it through."""
        if self._draining or not ticket.may_look:
            return
        waiting = await self._store.waiting(limit=1)
        if not waiting:
            ticket.nothing_waits()
        for job_id in waiting:
            await self._take(job_id, ticket, dequeued=False)

    async def _take(self, job_id: str, ticket: SlotTicket, *, dequeued: bool) -> None:
        """Claim a job and see it through; nothing where somebody else has it."""
        mark = self._lease.mark()  # before the claim: a lease that ended since took it away again
        with self._local_jobs.expecting(job_id) as entry:
            claim = await self._claim(job_id, dequeued=dequeued)
            if claim is not None:
                self._job_events.claimed(claim)
                await self._see_through(claim, ticket, mark=mark, entry=entry)
            if dequeued:
                # Last, so that no job waits for it; until then the id rests with us, which is true.
                with suppress(QueueUnavailable):
                    await self._queue.acknowledge(job_id)

    async def _claim(self, job_id: str, *, dequeued: bool) -> Claim | None:
        now = self._clock.now()
        try:
            claims = await self._store.claim([job_id], node_id=self._node_id, at=now)
        except StoreUnavailable:
            # Still queued, or ours with the answer lost; either way its id is not to rest with us.
            if dequeued:
                with suppress(QueueUnavailable):
                    await self._queue.give_back(job_id)
            raise
        self._queue.announce(
            [running(claim, now) for claim in claims if claim.purpose is Purpose.RUN]
        )
        return claims[0] if claims else None

    async def _dequeue(self, ticket: SlotTicket) -> str | None:
        """The next id; None after a random part of the idle window."""
        idle = idle_s(window_s=self._idle_window_s, random=self._random)
        await ticket.enter()
        await self._lease.held()
        since = self._clock.monotonic()
        try:
            return await self._queue.dequeue(wait_s=ticket.wait_s(idle))
        except QueueUnavailable:  # then we look at the store, as often as when idle
            ticket.failed()
            await self._clock.sleep(idle)
        finally:
            self._slot_line.prefetch.fetched(within_s=self._clock.monotonic() - since)
        return None

    async def _until_drain(self, waiting: Coroutine[None, None, T]) -> T | None:
        """Wait for this; None where a drain begins first."""
        if self._draining:
            waiting.close()
            return None
        with Wait() as wait:
            self._interrupts.add(wait.end)
            try:
                return await waiting
            finally:
                self._interrupts.discard(wait.end)
        return None

    async def _see_through(
        self, claim: Claim, ticket: SlotTicket, *, mark: int, entry: Entry
    ) -> None:
        """Everything from a claim to its settlement."""
        options = self._tasks.get(claim.task)
        if options is None:
            ticket.over()
            await self._settling.settle_unknown(claim)
            return
        attempt = self._attempt(claim, options, ticket, mark)
        watcher = self._watcher(attempt)
        entry.begin(attempt, hint=watcher.hint)
        # A clean-up cannot be aborted.
        with watcher if claim.purpose is Purpose.RUN else nullcontext():
            outcome = await self._outcome(attempt, mark)
        ticket.over()
        if attempt.survivors and isinstance(outcome, Stopped):
            self._unkillable.begin(attempt, outcome, leave=entry.keep())
        else:
            await self._settling.settle(claim, outcome, attempt.progress)

    async def _outcome(self, attempt: Attempt, mark: int) -> Outcome:
        """Run the attempt, unless it must not begin."""
        if not self._lease.unbroken(mark):
            return Stopped(StopReason.LEASE_LOST, NOTHING_RAN)
        if self._draining:  # whoever stops all when the drain's time is up may have been here
            return Stopped(StopReason.DRAIN, NOTHING_RAN)
        outcome = await attempt.run()
        if isinstance(outcome, Crashed) and not self._lease.unbroken(mark):
            # The warden ended the process because this node did not act in time itself.
            return Stopped(StopReason.LEASE_LOST, KILLED_BY_WARDEN)
        return outcome

    def _watcher(self, attempt: Attempt) -> AbortWatcher:
        return AbortWatcher(
            attempt,
            store=self._store,
            queue=self._queue,
            looks_s=looks_s(first_s=self._first_look_s, longest_s=self._longest_look_s),
            group=self._group,
        )

    def _attempt(
        self, claim: Claim, options: HandlerOptions, ticket: SlotTicket, mark: int
    ) -> Attempt:
        clean = claim.purpose is Purpose.CLEAN
        return Attempt(
            claim,
            group=self._group,
            ready=partial(self._ready, claim=claim, ticket=ticket, mark=mark),
            slots=self._slots,
            options=options,
            node_grace_s=self._grace_s,
            time_limit_s=options.timeout_s or (CLEANUP_LIMIT_S if clean else None),
            notify=self._settling.keep_notification,
            hear=self._hear,
            job_events=self._job_events,
        )

    async def _ready(
        self, give_back: Callable[[], object], *, claim: Claim, ticket: SlotTicket, mark: int
    ) -> PoolProcess:
        """A process for an attempt; what must not wait for one any longer is given back."""
        # A clean-up gets a fresh one: the job's own code may have broken the one at hand.
        fresh = claim.purpose is Purpose.CLEAN
        self._interrupts.add(give_back)
        try:
            process = await ticket.wait_for_process(fresh=fresh, late=give_back)
        finally:
            self._interrupts.discard(give_back)
        # The lease may have ended while we waited, and nobody have noticed yet: asked for it, the
        # lease has all that runs here stopped, and this attempt with it.
        self._lease.unbroken(mark)
        self._job_events.began(claim)
        return process
