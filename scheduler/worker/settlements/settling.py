"""Settling: writes what follows from the outcome of an attempt, then announces it.

The store comes first, tried until it succeeds: a result is kept until the store has it, or until
the token shows that the job was taken over. Then comes the queue, whose loss does no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from random import Random
from typing import Final, TypeVar

from scheduler.basics.retry import Backoff, retried
from scheduler.core.change import changed
from scheduler.core.cleanup import after_try, after_unknown, cleanup_failure
from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import (
    NOTHING_RAN,
    Again,
    Claim,
    Cleanup,
    Failure,
    Job,
    JsonText,
    Outcome,
    Purpose,
    Returned,
    Settlement,
    Status,
    Stopped,
    StopReason,
    Unknown,
    WaitingJob,
)
from scheduler.core.job_log import LogStream
from scheduler.core.limits.limiters import Limiter
from scheduler.core.places.labels import Place, lane_of
from scheduler.core.policy import conclude, failure, waiting_cleanup
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.core.retries.deciding import Ended, another
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker.job_logs.writer import JobLogWriter

T = TypeVar("T")

FOLLOWED: Final = frozenset({Status.QUEUED, Status.ABORTED})
"""The statuses after which something is left to do for a job."""
UNKNOWN_KEPT_S: Final = 0.5
"""How long a node keeps a job whose handler only other nodes have, shown as running, before it
gives it back. Else the job would come back a thousand times a second while those nodes are busy. A
pause after giving it back would not help: the next claimer takes the id meanwhile. This costs a
claimer, but no slot."""

UNKNOWN_LOOK_S: Final = 1.0
"""How often a job is looked at again whose handler no node has."""

NOT_TAKEN_LOOK_S: Final = 5.0
"""The same where nodes have it that do not run such jobs: that may last, and many may wait so."""


class Settling:
    """Writes how claims end."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        random: Random,
        job_log_writer: JobLogWriter,
        job_events: JobEvents,
        on_call_due: Callable[[], None],
        on_held: Callable[[], None],
        cleanup_tries: int,
        unknown_wait_s: float,
    ) -> None:
        """Collaborators.

        Args:
            on_call_due: called when a call of a hook may be due.
            on_held: called when a job waits for the time of its next attempt, and when one ended
                for which others may have waited.
            cleanup_tries: how often a clean-up is tried that fails.
            unknown_wait_s: how long a job waits whose handler no node knows.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._random = random
        self._job_log_writer = job_log_writer
        self._job_events = job_events
        self._on_call_due = on_call_due
        self._on_held = on_held
        self._cleanup_tries = cleanup_tries
        self._unknown_wait_s = unknown_wait_s

    async def settle(self, end: Ended) -> None:
        """Write the end of an attempt at a job or a clean-up, after the rest of its output."""
        if end.claim.purpose is Purpose.CLEAN:
            await self._settle_cleanup(end.claim, end.outcome)
            if end.limited:
                self._on_held()
        else:
            await self.settle_runs([end])

    async def settle_runs(self, ends: Sequence[Ended]) -> None:
        """Write the ends of attempts at jobs, after the rest of their output."""
        at = self._clock.now()
        settlements = [self._concluded(end, at=at) for end in ends]
        claims = [end.claim for end in ends]
        await self._retry(lambda: self._job_log_writer.finish(claims))
        await self._write(claims, settlements)
        if any(end.limited for end in ends):
            self._on_held()

    async def _write(self, claims: Sequence[Claim], settlements: Sequence[Settlement]) -> None:
        """Store how claims end, and do what follows."""
        written = await self._retry(lambda: self._store.settle(settlements))
        settled = [
            (claim, _as_written(settlement, written.get(claim.id)))
            for claim, settlement in zip(claims, settlements, strict=True)
        ]
        self._job_events.ended(end for end in settled if end[0].id in written)
        for claim, _ in settled:
            if claim.id not in written:
                # Or an earlier try succeeded and its answer was lost: so announce it all the same.
                self._job_events.taken_over(claim)
        self._announce([claim for claim, _ in settled])
        for claim, settlement in settled:
            if settlement.status in FOLLOWED:
                await self._follow(claim, settlement)

    def _concluded(self, end: Ended, *, at: datetime) -> Settlement:
        """What follows from an outcome. The job's log says where another attempt does."""
        claim, outcome, again = end.claim, end.outcome, None
        if not isinstance(outcome, Returned):
            again = another(end, random=self._random)
            if again is not None:
                notice = _retry_notice(claim, again, failure(claim.task, outcome))
                self._job_log_writer.write(claim, LogStream.NOTICE, notice)
        return conclude(claim, outcome, at=at, progress=end.progress, again=again)

    async def _follow(self, claim: Claim, settlement: Settlement) -> None:
        """Do what the new status of a job asks for."""
        lane = lane_of(claim.needs)
        if settlement.holds:
            self._on_held()
        elif settlement.status is Status.QUEUED:
            await self._enqueue(WaitingJob(claim.id, claim.uid, lane=lane), ahead=False)
        if settlement.status is Status.ABORTED:
            await self._enqueue(waiting_cleanup(claim.id, lane), ahead=True)
            await self._tell_abort(claim)

    async def keep_notification(self, claim: Claim, number: int, payload: JsonText) -> None:
        """Store a call of the job's hook with this payload; each number of a claim only once."""
        call_id = f"{claim.id}-{claim.token}-{number}"
        await self._retry(lambda: self._store.add_call(claim, call_id, payload))
        self._on_call_due()

    async def close_throttle(self, claim: Claim, limiter: Limiter, after_s: float) -> None:
        """Let no job of a throttle begin for some time."""
        await self._retry(lambda: self._store.limiters.close(limiter, after_s=after_s))
        notice = (
            f"no further job of its throttle begins for {after_s:g} s: {limiter.key}\n".encode()
        )
        self._job_log_writer.write(claim, LogStream.NOTICE, notice)

    async def settle_lost(self, claim: Claim) -> None:
        """End a claim whose answer was lost: nothing of it has begun here."""
        self._job_events.claim_lost(claim)
        await self.settle(Ended(claim, Stopped(StopReason.DRAIN, NOTHING_RAN)))

    async def settle_unknown(self, claim: Claim, *, loaded_at: datetime) -> None:
        """End a claim on a job whose handler this node does not have; another node may have it.

        Or one may come that has it, while nodes of another release replace these: so long the job
        waits, and one node after the other looks at it again. As long as there are nodes that have
        it, but do not run such jobs, it waits for another one, and does not end.

        Args:
            loaded_at: when this node loaded its handlers.
        """
        runs = claim.purpose is Purpose.RUN
        nodes = await self._retry(self._store.nodes)
        knowing = [Place(each.labels, each.only) for each in nodes if claim.task in each.tasks]
        if any(not runs or each.takes(claim.needs) for each in knowing):
            await self._clock.sleep(UNKNOWN_KEPT_S)
            await self.settle(Ended(claim, Stopped(StopReason.DRAIN, NOTHING_RAN)))
        elif runs and (knowing or (claim.unknown_s or 0.0) < self._unknown_wait_s):
            await self._write([claim], [self._held_unknown(claim, known=bool(knowing))])
        elif not runs and (claim.unknown_s or 0.0) < self._unknown_wait_s:
            await self._put_off_unknown(claim, loaded_at=loaded_at)
        else:
            await self.settle(Ended(claim, Unknown(loaded_at)))

    async def _put_off_unknown(self, claim: Claim, *, loaded_at: datetime) -> None:
        """Look at a clean-up again in a while; no try is used up, or all would be in seconds."""
        end = after_unknown(
            claim,
            cleanup_failure(claim.task, Unknown(loaded_at)),
            at=await self._retry(self._store.time_of_day),
            look_s=UNKNOWN_LOOK_S,
            tries_max=self._cleanup_tries,
        )
        settle = partial(self._store.settle_cleanup, claim.id, token=claim.token, unknown=True)
        await self._retry(lambda: settle(cleanup=end.cleanup, tries=end.tries))
        self._announce([claim])

    def _held_unknown(self, claim: Claim, *, known: bool) -> Settlement:
        """Hold a job for a while, and not beyond its wait."""
        left_s = self._unknown_wait_s - (claim.unknown_s or 0.0)
        return Settlement(
            id=claim.id,
            token=claim.token,
            status=Status.QUEUED,
            at=self._clock.now(),
            death=NOTHING_RAN,
            unknown_s=NOT_TAKEN_LOOK_S if known else min(UNKNOWN_LOOK_S, left_s),
            known=known,
        )

    async def _settle_cleanup(self, claim: Claim, outcome: Outcome) -> None:
        error = cleanup_failure(claim.task, outcome)
        if error is not None:  # only the log has all of it
            self._job_log_writer.write(claim, LogStream.NOTICE, _notice(error))
        await self._retry(lambda: self._job_log_writer.finish([claim]))
        failed = error is not None
        end = after_try(
            claim,
            error,
            outcome,
            # The next try is due by the clock that all nodes share.
            at=await self._retry(self._store.time_of_day) if failed else self._clock.now(),
            tries_max=self._cleanup_tries,
            random=self._random,
        )
        settle = partial(self._store.settle_cleanup, claim.id, token=claim.token)
        if await self._retry(lambda: settle(cleanup=end.cleanup, tries=end.tries)):
            self._job_events.cleanup_ended(claim, end, error)
        else:
            self._job_events.taken_over(claim)  # or, as above, an earlier try succeeded
        if end.cleanup is Cleanup.PENDING and end.tries is None:
            await self._enqueue(waiting_cleanup(claim.id, lane_of(claim.needs)), ahead=True)
        self._announce([claim])

    async def _enqueue(self, job: WaitingJob, *, ahead: bool) -> None:
        """Enqueue a clean-up ahead of all, and a job that goes back as the next one of its user.

        A node may give hundreds of jobs back that it had claimed ahead: other users do not wait
        behind them.
        """
        with suppress(QueueUnavailable):
            await self._queue.enqueue([job], ahead=ahead)

    def _announce(self, claims: Sequence[Claim]) -> None:
        if any(claim.hook is not None for claim in claims):
            self._on_call_due()
        self._queue.announce([changed(claim.id, claim.uid) for claim in claims])

    async def _tell_abort(self, claim: Claim) -> None:
        job: Job | None = None
        with suppress(StoreUnavailable):
            job = await self._store.get(claim.id)
        self._job_events.aborted(claim, job.abort if job else None)

    async def _retry(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat a call until the store accepts it. That is safe: all its writes are guarded."""
        backoff = Backoff(self._random, sleep=self._clock.sleep)
        return await retried(write, on=(StoreUnavailable,), backoff=backoff)


def _as_written(settlement: Settlement, status: Status | None) -> Settlement:
    """The settlement: the store aborts a job that is given back, if its abort was requested."""
    if status in {None, settlement.status}:
        return settlement
    return replace(settlement, status=status)


def _retry_notice(claim: Claim, again: Again, error: Failure) -> bytes:
    """The lines in a job's log about an attempt that is followed by another one."""
    text = (
        f"attempt {claim.attempt} failed: {error.summary}\n{error.traceback or ''}"
        f"the next attempt begins in {again.after_s:.1f} s at the earliest\n"
    )
    return text.encode(errors="replace")


def _notice(error: Failure) -> bytes:
    """The line in a job's log about its failed clean-up."""
    text = f"the clean-up failed: {error.summary}\n{error.traceback or ''}"
    return text.encode(errors="replace")
