"""Claims jobs in the store, and puts aside what a pause keeps from being claimed.

    claim ─┬─▶ claimed
           ├─ its handler limits its jobs ─▶ see `limited`: claimed, or held in the same way
           └─ refused ─┬─ its task or its user is paused ─▶ held in the store, out of the queue
                       ├─ its user may run no more ───────▶ back to his line, until one of his ends
                       ├─ this node is paused ────────────▶ back to the queue, for other nodes
                       └─ it waits no more ───────────────▶ acknowledged by the caller

So no worker meets a paused job twice, and those of others do not wait behind them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from scheduler.core.change import changed, claimed
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import Claim, WaitingJob
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import ClaimedWithin, Store
from scheduler.service.pauses import PauseService
from scheduler.worker.from_store.limited import LimitedClaims
from scheduler.worker.from_store.predecessors import with_results
from scheduler.worker.lease import Lease

AHEAD_MAX: Final = 500
"""How many further jobs of a user are put aside with one that is met: a write of so many takes some
ten milliseconds, and a backlog of a million is out of the way after two thousand of them."""


class ClaimJobs(Protocol):
    """Claims jobs for a node: `Store.claim_within`, with the quotas of the installation."""

    def __call__(
        self, job_ids: Sequence[str], *, node_id: str, at: datetime, but_tasks: Sequence[str]
    ) -> Awaitable[ClaimedWithin]:
        """See `Store.claim_within`."""
        ...


class Answer(NamedTuple):
    """What came of a call."""

    claims: Sequence[Claim]
    done: Sequence[str]
    """The ids that the caller acknowledges once it is through with them."""
    held: bool = False
    """Whether jobs were put aside, so that others are next."""


class _Found(NamedTuple):
    """What was claimed, and what not."""

    claims: Sequence[Claim]
    beyond: Sequence[WaitingJob]
    parked: set[str]
    """The ids of those that are held, because they are limited."""


class Claims:
    """Claims jobs for one node."""

    def __init__(
        self,
        claim: ClaimJobs,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        lease: Lease,
        pauses: PauseService,
        limited: LimitedClaims,
    ) -> None:
        self._limited = limited
        self._claim_within = claim
        self._store = store
        self._queue = queue
        self._clock = clock
        self._lease = lease
        self._pauses = pauses

    async def claim(self, job_ids: Sequence[str], *, dequeued: bool) -> Answer:
        """Claim those of some jobs that wait and may begin.

        Raises:
            StoreUnavailable: none is in flight here any more.
        """
        claims, beyond, parked = await self._claim(job_ids, dequeued=dequeued)
        if len(claims) == len(job_ids):
            return Answer(claims, job_ids)
        known = {claim.id for claim in claims} | parked
        refused = [job_id for job_id in job_ids if job_id not in known]
        paused = await self._hold(refused)
        if dequeued and refused and not paused and await self._node_is_paused():
            await self.give_back(refused)
            return Answer(claims, [job_id for job_id in job_ids if job_id in known])
        postponed = [job for job in beyond if job.id not in paused | known]
        if dequeued and postponed:
            job_ids = await self._postpone(postponed, job_ids)
        return Answer(claims, job_ids, bool(paused or parked))

    async def give_back(self, job_ids: Sequence[str]) -> None:
        """Return ids to the head of the queue."""
        for job_id in reversed(job_ids):  # each to the head
            await self._queue.give_back(job_id)

    async def _claim(self, job_ids: Sequence[str], *, dequeued: bool) -> _Found:
        now = self._clock.now()
        try:
            found = await self._claimed(job_ids, now)
            claims = await with_results(self._store, found.claims)
        except StoreUnavailable:
            # The jobs are still queued, or they are ours and the answer was lost. In both cases
            # their ids must not stay in flight here.
            if dequeued:
                with suppress(QueueUnavailable):
                    await self.give_back(job_ids)
            raise
        changes = (claimed(claim, now) for claim in found.claims)
        self._queue.announce([change for change in changes if change is not None])
        return found._replace(claims=claims)

    async def _claimed(self, job_ids: Sequence[str], now: datetime) -> _Found:
        """Claim jobs, and then those that are limited.

        Where the second fails after the first has claimed some, those are lost claims.
        """
        node_id, limited = self._lease.node.id, self._limited
        claims, beyond = await self._claim_within(
            job_ids, node_id=node_id, at=now, but_tasks=limited.tasks
        )
        if len(claims) == len(job_ids):
            return _Found(claims, beyond, set())
        known = {claim.id for claim in claims}
        left = [job_id for job_id in job_ids if job_id not in known]
        more, held = await limited.claim(left, node_id=node_id, at=now)
        await self._put_aside(held)
        return _Found([*claims, *more], beyond, {job.id for job in held})

    async def _postpone(
        self, beyond: Sequence[WaitingJob], job_ids: Sequence[str]
    ) -> Sequence[str]:
        """Return jobs to the lines of their users, who may run no more now; the other ids."""
        with suppress(QueueUnavailable):  # then they come back by themselves
            await self._queue.postpone(beyond)
        postponed = {job.id for job in beyond}
        return [job_id for job_id in job_ids if job_id not in postponed]

    async def _hold(self, job_ids: Sequence[str]) -> set[str]:
        """Put aside what is paused; the ids. What fails is met again."""
        if not job_ids:
            return set()
        try:
            held = await self._store.pauses.hold(job_ids, ahead_max=AHEAD_MAX)
        except StoreUnavailable:
            return set()
        await self._put_aside(held)
        return {job.id for job in held}

    async def _put_aside(self, held: Sequence[WaitingJob]) -> None:
        """Take held jobs out of the queue; without it they come once more, and are dropped then."""
        self._queue.announce([changed(job.id, job.uid) for job in held])
        with suppress(QueueUnavailable):
            await self._queue.drop(held)

    async def _node_is_paused(self) -> bool:
        with suppress(StoreUnavailable):
            await self._pauses.look()
        return self._pauses.of_node is not None
