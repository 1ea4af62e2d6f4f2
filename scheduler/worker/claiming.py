"""Claiming: from a ticket in the line for slots to claims on jobs.

    enter the line ─▶ dequeue ids ─▶ claim their jobs ─▶ execution ─▶ acknowledge the ids
                          ├─ none came: look in the store
                          ├─ the node is paused: look in the store for clean-ups alone
                          └─ reserved for a job that is being stored: its claim comes ready

An id is only a hint; the claim is what counts: without one nothing runs, however often an id comes.
Where no id comes for a while, the store is asked for a waiting job. So jobs also run, only later,
with an empty queue or without any.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from scheduler.core.change import running
from scheduler.core.errors import QueueUnavailable
from scheduler.core.job import NOBODY, Claim, Purpose
from scheduler.core.places.labels import lane_of
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.worker.direct_starts import DirectStarts, IdleClaimer, Reservation
from scheduler.worker.drain import Drain
from scheduler.worker.from_store.claims import Claims
from scheduler.worker.from_store.store_look import StoreLook
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJob, LocalJobs
from scheduler.worker.slot_line import SlotLine, SlotTicket


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this node has claimed, with the lease under which it did so."""

    claim: Claim
    local_job: LocalJob
    lease: Lease
    mark: int

    def lease_unbroken(self) -> bool:
        """Whether the lease has been held without a break since before the claim."""
        return self.lease.unbroken(self.mark)


Execute = Callable[[Sequence[Claimed], SlotTicket], Awaitable[None]]


class Claiming:
    """Claims jobs for one node."""

    def __init__(
        self,
        *,
        claims: Claims,
        queue: Queue,
        clock: Clock,
        lease: Lease,
        local_jobs: LocalJobs,
        slot_line: SlotLine,
        direct_starts: DirectStarts,
        drain: Drain,
        store_look: StoreLook,
        idle_s: Callable[[], float],
    ) -> None:
        """Collaborators.

        Args:
            idle_s: how long a worker waits for ids before it looks in the store.
        """
        self._claims = claims
        self._queue = queue
        self._clock = clock
        self._lease = lease
        self._local_jobs = local_jobs
        self._slot_line = slot_line
        self._direct_starts = direct_starts
        self._drain = drain
        self._store_look = store_look
        self._idle_s = idle_s

    async def claim_next(self, ticket: SlotTicket, execute: Execute) -> None:
        """Wait for ids, claim their jobs and execute them; return if there is none to claim.

        Raises:
            StoreUnavailable, QueueUnavailable: the caller should pause before the next try.
        """
        with IdleClaimer() as claimer:
            job_ids = await self._drain.unless(self._dequeue(ticket, claimer))
            if claimer.reservation is not None:
                await self._begin_reserved(claimer.reservation, ticket, execute)
                return
        if not job_ids:
            await self._look_in_store(ticket, execute)
        elif self._drain.begun or self._store_look.node_is_paused:
            await self._claims.give_back(job_ids)
        else:
            ticket.keep(len(job_ids))
            await self._claim(job_ids, ticket, execute, dequeued=True)

    async def _dequeue(self, ticket: SlotTicket, claimer: IdleClaimer) -> Sequence[str]:
        """The next ids; none after a random part of the idle window, or once it is reserved."""
        idle = self._idle_s()
        await ticket.enter()
        await self._lease.held()
        if self._store_look.node_is_paused:
            await self._store_look.node_resumed()
            return []
        since, waited = self._clock.monotonic(), False
        reservable = nullcontext(_ignore) if ticket.ahead else self._direct_starts.idle(claimer)
        try:
            with reservable as waits_in_vain:

                def in_vain() -> None:
                    nonlocal waited
                    waited = True
                    waits_in_vain()

                return await self._queue.dequeue(
                    wait_s=ticket.wait_s(idle), limit=ticket.jobs, in_vain=in_vain
                )
        except QueueUnavailable:  # then the store is asked, as often as an idle worker would
            ticket.failed()
            await self._clock.sleep(idle)
        finally:
            if waited:
                self._slot_line.prefetch.waited(self._clock.monotonic() - since)
        return []

    async def _begin_reserved(
        self, reservation: Reservation, ticket: SlotTicket, execute: Execute
    ) -> None:
        """Execute the job that this claimer is reserved for, once it is stored and claimed."""
        ticket.keep(1)
        begun = await reservation.claimed()
        if begun is not None:
            self._queue.announce([running(begun.claim, begun.at)])
            local_job, mark = reservation.local_job, reservation.mark
            self._queue.hold(begun.claim.id, begun.claim.uid, lane=lane_of(begun.claim.needs))
            await execute([Claimed(begun.claim, local_job, self._lease, mark)], ticket)
            with suppress(QueueUnavailable):
                await self._queue.acknowledge([begun.claim.id])

    async def _look_in_store(self, ticket: SlotTicket, execute: Execute) -> None:
        """Claim a job that waits in the store: its id was lost, or the queue is unavailable."""
        # A ticket ahead of the slots would take a job that another node could run at once.
        if self._drain.begun or ticket.ahead or not self._store_look.is_due:
            return
        ticket.keep(1)
        waiting = await self._store_look.next()
        while waiting is not None:
            met_paused = await self._claim([waiting.id], ticket, execute, dequeued=False)
            waiting = await self._store_look.next() if met_paused else None

    async def _claim(
        self, job_ids: Sequence[str], ticket: SlotTicket, execute: Execute, *, dequeued: bool
    ) -> bool:
        """Claim jobs and execute them; without effect where another worker or node has them.

        The answer is whether nothing was executed because of a pause, so that others are next.
        """
        mark = self._lease.mark()  # before the claim, which is lost with a lease that ended since
        with self._local_jobs.track(job_ids) as local_jobs:
            claims, done, held = await self._claims.claim(job_ids, dequeued=dequeued)
            if held and not claims and not dequeued:
                return True
            ticket.keep(len(claims))
            if not dequeued:
                done = [claim.id for claim in claims]
                for claim in claims:
                    cleans = claim.purpose is Purpose.CLEAN
                    uid = NOBODY if cleans else claim.uid
                    self._queue.hold(claim.id, uid, lane=lane_of(claim.needs))
            if claims:
                lot = [Claimed(claim, local_jobs[claim.id], self._lease, mark) for claim in claims]
                await execute(lot, ticket)
            # Last, so that no job waits for it; until then the ids are in flight here.
            with suppress(QueueUnavailable):
                await self._queue.acknowledge(done)
        return False


def _ignore() -> None:
    """Do nothing."""
