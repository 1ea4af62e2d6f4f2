"""Direct starts: a job that is submitted to an idle node begins without a trip through the queue.

    claimer   waits for ids ──▶ reserved ────────────────────────▶ executes
                                   ▲                                  ▲
    service             reserve ───┘  store.insert, with the claim ───┴ begin

A claimer for which the queue had no id is reserved: it leaves the queue, and the job is claimed
for it in the transaction that stores it. Where that claims nothing, or is never answered, the
claimer goes back to the queue; a claim that was committed all the same is a lost one then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from scheduler.basics.wait import Wait
from scheduler.core.job import Claim
from scheduler.core.places.labels import Place
from scheduler.core.quotas.quota import UNLIMITED, Quotas
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJob, LocalJobs


class Begun(NamedTuple):
    """A claim that was made as its job was stored."""

    claim: Claim
    at: datetime


class DirectStarts:
    """The claimers of a node that wait for ids, and their reservations."""

    def __init__(
        self,
        *,
        lease: Lease,
        local_jobs: LocalJobs,
        quotas: Quotas = UNLIMITED,
        keeps_slots: bool = False,
    ) -> None:
        """Collaborators.

        Args:
            keeps_slots: whether some are kept for users who run nothing: then only the queue knows
                whose jobs may start.
        """
        self._quotas = quotas
        self._keeps_slots = keeps_slots
        self._lease = lease
        self._place = Place(lease.node.labels, lease.node.only)
        self._local_jobs = local_jobs
        self._idle: dict[IdleClaimer, None] = {}
        """Those that wait in vain; the first one has waited longest."""

    def waiting(self) -> int:
        """How many claimers wait in vain: no job that waits in the queue is overtaken."""
        return len(self._idle)

    @contextmanager
    def reserve(
        self, job_id: str, uid: str, needs: Sequence[str]
    ) -> Iterator[Reservation | NoReservation]:
        """See `DirectStart`."""
        claimer, mark = self._free_claimer(uid, needs), self._lease.mark()
        if claimer is None or not self._lease.unbroken(mark):
            yield NoReservation()
            return
        del self._idle[claimer]
        reservation = Reservation(self._lease.node.id, LocalJob(self._local_jobs, job_id), mark)
        claimer.reserve(reservation)
        try:
            yield reservation
        finally:
            reservation.release()

    @contextmanager
    def idle(self, claimer: IdleClaimer) -> Iterator[Callable[[], None]]:
        """Let the claimer be reserved during the block, which ends then.

        The block gets what to call when the queue had nothing for it: not before that.
        """

        def waits_in_vain() -> None:
            if claimer.reservation is None:
                self._idle.setdefault(claimer)

        with Wait() as wait:
            claimer.leave_queue = wait.end
            try:
                yield waits_in_vain
            finally:
                self._idle.pop(claimer, None)

    def _free_claimer(self, uid: str, needs: Sequence[str]) -> IdleClaimer | None:
        """The claimer that has waited longest, if a user's job may go without the queue to it."""
        claimer = next(iter(self._idle), None)
        if not self._place.takes(needs):
            return None
        if self._keeps_slots or self._quotas.running_max_of(uid) is not None:
            return None
        return claimer


class IdleClaimer:
    """A claimer that may be reserved; the reservation ends with the block."""

    def __init__(self) -> None:
        self.reservation: Reservation | None = None
        self.leave_queue: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.reservation is not None:
            self.reservation.end()

    def reserve(self, reservation: Reservation) -> None:
        """Leave the queue for the job of the reservation."""
        self.reservation = reservation
        self.leave_queue()


class Reservation:
    """A claimer that waits for the answer of the store. Its job is tracked from now on."""

    def __init__(self, node_id: str, local_job: LocalJob, mark: int) -> None:
        self.node_id = node_id
        self.local_job = local_job
        self.mark = mark
        """The lease's, from before the claim."""
        self._begun: asyncio.Future[Begun | None] = asyncio.get_running_loop().create_future()

    def begin(self, claims: Sequence[Claim], *, at: datetime) -> None:
        """See the port `Reservation`."""
        if claims and not self._begun.done():
            self._begun.set_result(Begun(claims[0], at))

    def release(self) -> None:
        """Let the claimer go back to the queue, unless it was given a claim."""
        if not self._begun.done():
            self._begun.set_result(None)

    async def claimed(self) -> Begun | None:
        """Wait for the claim; None where nothing was claimed."""
        return await self._begun

    def end(self) -> None:
        """Track the job no longer; a claim that nobody took is given back as a lost one."""
        self._begun.cancel()
        self.local_job.end()


class NoReservation:
    """What `reserve` gives where no claimer idles."""

    node_id = None

    def begin(self, claims: Sequence[Claim], *, at: datetime) -> None:
        """Do nothing: nothing was claimed."""
