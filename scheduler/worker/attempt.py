"""One attempt at one job: from its claim to its outcome, and the only way to stop it.

    run ──▶ wait for a pool process ──▶ begin the job in it ──▶ end frame ──▶ Returned, Raised, …
                     │                          │   └─ process died ───────▶ Crashed
    stop(reason) ────┴─ nothing ran ─▶ Stopped ◀┴ SIGTERM ─ grace period ─ end the tree

`stop` is the only way to end it early: for the abort watcher, the time limit, a lost lease and a
drain. The first reason counts, except that an abort replaces a time limit during its grace period.
An end frame that has already arrived wins over all of them. Stop and end frame are each handled in
one step on the event loop, so they never both win.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from scheduler.basics.wait import Wait
from scheduler.core.errors import StoreUnavailable
from scheduler.core.handler import HandlerOptions
from scheduler.core.job import (
    NOTHING_RAN,
    Claim,
    Crashed,
    Death,
    JsonText,
    Outcome,
    Progress,
    Stopped,
    StopReason,
)
from scheduler.core.job_log import LogStream
from scheduler.core.limits.limiters import Limiter, throttle_of
from scheduler.core.policy import grace_s
from scheduler.core.retries.deciding import Ended
from scheduler.processes.child.abort_signal import NUDGE
from scheduler.processes.lot import Lot
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.processes.tree import Process
from scheduler.telemetry.job_events import JobEvents
from scheduler.worker import messages
from scheduler.worker.messages import MALFORMED
from scheduler.worker.node_api import NodeApi

Message = Mapping[str, Any]


class Keeper(Protocol):
    """Stores what a handler asks for while it runs, and tries again until the store has it."""

    async def keep_notification(self, claim: Claim, number: int, payload: JsonText) -> None:
        """Store a notification; each number of a claim only once."""
        ...

    async def close_throttle(self, claim: Claim, limiter: Limiter, after_s: float) -> None:
        """Let no job of a throttle begin for some time."""
        ...


NOTIFICATIONS_MAX: Final = 1000
"""For one attempt; further ones are dropped, so that a loop does not fill the store."""
CLOSINGS_MAX: Final = 100
"""Of its throttle, for one attempt; further ones are dropped, too."""
NUDGE_S: Final = 0.1
"""How long after SIGTERM a process is woken up for the first time; then ever more rarely."""


class Attempt:
    """One attempt at a claimed job."""

    def __init__(
        self,
        claim: Claim,
        *,
        group: asyncio.TaskGroup,
        slots: Slots,
        options: HandlerOptions,
        node_grace_s: float,
        node_api: NodeApi,
        time_limit_s: float | None,
        keeper: Keeper,
        on_output: Callable[[Claim, LogStream, bytes], None],
        job_events: JobEvents,
    ) -> None:
        """Collaborators.

        Args:
            group: runs the tasks that store notifications; it outlives the attempt.
            node_api: how the handler reaches this node.
            keeper: stores the attempt's notifications, and what it says of its throttle.
            on_output: called with what the job prints.
        """
        self.claim = claim
        self.job_events = job_events
        self.progress: Progress | None = None
        self.survivors: tuple[Process, ...] = ()
        """The processes that survived SIGKILL when the attempt was stopped."""
        self.ran_s: float | None = None
        """How long its handler ran, in seconds, once it has ended."""
        self.signalled = False
        """Whether others than this node have sent the job's process a signal to stop."""
        self._group = group
        self._wait = Wait()
        self._look: Callable[[], Awaitable[object]] | None = None
        self._process: PoolProcess | None = None
        self._lot: Lot | None = None
        """The lot in which it is sent, while others in it may begin after it."""
        self._slots = slots
        self.options = options
        """Of its handler, as they were when the job was claimed."""
        self._grace_s = grace_s(options.grace_s, node_grace_s)
        self._grace: asyncio.Timeout | None = None
        """Set while the grace period runs."""
        self._time_limit_s = time_limit_s
        self._node_api = node_api
        self._keeper = keeper
        self._notifications = 0
        self._closings = 0
        self._keeping: set[asyncio.Task[None]] = set()
        self.on_output = partial(on_output, claim)
        """Called with what the job prints."""
        self._end: Outcome | None = None
        self._malformed = False
        """Whether an end frame came that made no sense."""
        self._leftovers = False
        self._limit: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        """Set once the process has sent its end frame, or died."""
        self._stopped: StopReason | None = None
        self._over = asyncio.Event()

    @property
    def stopped(self) -> StopReason | None:
        """Why it is being stopped, or was before it began."""
        return self._stopped

    @property
    def clean_end(self) -> Outcome | None:
        """How it ended, where its process can run another job at once."""
        return None if self._leftovers or self._stopped else self._end

    async def run(self, process: Coroutine[None, None, PoolProcess]) -> Outcome:
        """Run the handler to its end, or until it is stopped.

        Args:
            process: waits for the pool process; cancelled if the attempt is stopped
                meanwhile.
        """
        with self._wait:
            self._process = await self._begin(process)
        if self._process is None:
            assert self._stopped is not None  # noqa: S101 - nothing else ends the wait
            return Stopped(self._stopped, NOTHING_RAN)
        return await self._run_on(self._process)

    async def run_on(self, process: PoolProcess) -> Outcome:
        """Run on alone, after it began in a lot that is over, or in which no other job begins."""
        self._process = process
        self._limit_time()
        return await self._run_on(process)

    async def _run_on(self, process: PoolProcess) -> Outcome:
        self._look = None
        await self._over.wait()
        outcome = await self._outcome(process)
        await self.kept()
        return outcome

    def end(self, outcome: Outcome) -> Ended:
        """This attempt with how it ended, to be settled."""
        options = self.options
        return Ended(self.claim, outcome, self.progress, options.retry, options.limited)

    async def kept(self) -> None:
        """Wait until the notifications are stored: the job's end is stored after them."""
        if self._keeping:
            await asyncio.wait(self._keeping)

    def send_in(self, lot: Lot | None) -> None:
        """Note in which lot it is sent; None once that does not matter any more."""
        self._lot = lot

    def leave_lot(self) -> None:
        """Have no further job of its lot begin, so that nothing done to it hits another one."""
        if self._lot is not None:
            self._lot.take_back()

    def check_before_start(self, look: Callable[[], Awaitable[object]]) -> None:
        """Call `look` before the handler begins: its user may already have the answer to an abort.

        Without effect once the handler has begun. Where the store does not answer that look, the
        handler does not begin.
        """
        if self._process is None:
            self._look = look

    def stop(self, reason: StopReason, *, grace_s: float | None = None) -> None:
        """End the attempt early; without effect once it has ended.

        If it is being stopped already, this may shorten the grace period; and an abort replaces the
        time limit as the reason, because the answer to its user says so.

        Args:
            grace_s: seconds between SIGTERM and SIGKILL; None for the handler's or the node's.
        """
        self.leave_lot()  # this also tells whether it has ended
        if self._stopped is not None:
            self._hasten(reason, grace_s)
        if self._over.is_set():
            return
        self._stopped = reason
        self._grace_s = self._grace_s if grace_s is None else grace_s
        self._over.set()
        self._wait.end()

    def _hasten(self, reason: StopReason, grace_s: float | None) -> None:
        if reason is StopReason.ABORT and self._stopped is StopReason.TIME_LIMIT:
            self._stopped = reason
        if grace_s is not None:
            self._grace_s = min(self._grace_s, grace_s)
        if grace_s is not None and self._grace is not None and not self._grace.expired():
            now = asyncio.get_running_loop().time()
            self._grace.reschedule(min(self._grace.when() or now, now + grace_s))

    async def _begin(self, waiting: Coroutine[None, None, PoolProcess]) -> PoolProcess | None:
        """Wait for the process and begin the job in it; None if the attempt was stopped first."""
        if self._over.is_set():
            waiting.close()
            return None
        process = await waiting
        while (look := self._look) is not None:
            self._look = None
            try:
                await look()
            except StoreUnavailable:
                # Its abort may be stored. Given back, the job is then aborted, or begins anew.
                self.stop(StopReason.DRAIN)
        if not (self._slots.room(process, self.claim.uid) and self._slots.knows(self.options)):
            self.stop(StopReason.DRAIN)  # handlers were loaded anew; its next claim is for those
        if self._over.is_set():
            return None
        self._limit_time()
        jobs = process.jobs

        def look_whether_it_began() -> None:
            if process.jobs == jobs:
                self._on_unbegun()

        process.begin([self.frame()], [self], on_change=look_whether_it_began)
        return process

    def _limit_time(self) -> None:
        if self._time_limit_s is not None and not self._over.is_set():
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(self._time_limit_s, self.stop, StopReason.TIME_LIMIT)

    def frame(self) -> Message:
        """What its process is told."""
        claim = self.claim
        return {
            **claim.submitted(),
            "purpose": claim.purpose,
            "id": claim.id,
            "attempt": claim.attempt,
            "traceparent": claim.traceparent,
            **self._node_api.frame(claim),
            **({"after": claim.results} if claim.results else {}),
            **_scheduled(claim),
        }

    def on_end(self, end: Message | None) -> None:
        """Record how the job ended, or that its process died."""
        if self._limit is not None:
            self._limit.cancel()
        if end is not None:
            with suppress(*MALFORMED):
                self.progress = messages.progress(end["progress"]) or self.progress
                self._leftovers = bool(end["leftovers"])
                self.signalled = bool(end["signalled"])
                self.ran_s = messages.seconds(end["ran_s"])
                self._end = messages.ending(end, result_bytes_max=self._slots.result_bytes_max)
            self._malformed = self._end is None
        self._ended.set()
        self._over.set()

    def _on_unbegun(self) -> None:
        """Give the job back: its process died before it took the job, which did no harm to it."""
        self.stop(StopReason.DRAIN)
        self._ended.set()

    def on_message(self, message: Message) -> None:
        """Record the progress, or store the notification or the pause, that the handler sent."""
        with suppress(*MALFORMED):
            self.progress = messages.progress(message.get("progress")) or self.progress
        with suppress(*MALFORMED):
            payload = messages.notification(message)
            if payload is not None:
                self._notify(payload)
        with suppress(*MALFORMED):
            after_s = messages.closing(message)
            if after_s is not None:
                self._close_throttle(after_s)

    def _notify(self, payload: JsonText) -> None:
        """Store a notification in the background, while the job goes on."""
        self._notifications += 1
        number = self._notifications
        if number <= NOTIFICATIONS_MAX:
            keep = self._keeper.keep_notification(self.claim, number, payload)
            self._keep(keep, name=f"keep notification {number} of {self.claim.id}")
        elif number == NOTIFICATIONS_MAX + 1:
            self.job_events.notified_too_often(self.claim)

    def _close_throttle(self, after_s: float) -> None:
        """Close the limiter of the job's throttle, if it has one, in the background."""
        claim = self.claim
        limiter = throttle_of(self.options, uid=claim.uid, data=claim.data)
        if limiter is not None and self._closings < CLOSINGS_MAX:
            self._closings += 1
            keep = self._keeper.close_throttle(claim, limiter, after_s)
            self._keep(keep, name=f"close the throttle of {claim.id}")

    def _keep(self, keep: Coroutine[None, None, None], *, name: str) -> None:
        self._keeping.add(self._group.create_task(keep, name=name))

    async def _outcome(self, process: PoolProcess) -> Outcome:
        """The outcome: by the end frame, or because the attempt was stopped or the process died."""
        if self._stopped is not None:
            death = await self._stop(process)
            limit_s = self._time_limit_s if self._stopped is StopReason.TIME_LIMIT else None
            return Stopped(self._stopped, death, limit_s)
        if self._end is None:
            await self._slots.end(process)
            # It still lived if an end frame came, but not one that made sense.
            broke = self._malformed or process.broke_protocol
            return Crashed(process.exit_status, broke_protocol=broke)
        if self._leftovers:
            await self._slots.discard(process)
        return self._end

    async def _unwind(self, process: PoolProcess) -> None:
        """Wait until the handler has ended, for ever; it may have slept through the signal."""
        pause_s = NUDGE_S
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._ended.wait()
                    return
            process.send(NUDGE)
            pause_s *= 2

    async def _stop(self, process: PoolProcess) -> Death:
        """SIGTERM, the grace period, then the end of the whole tree."""
        if self._grace_s > 0:
            process.send(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace_s) as self._grace:
                    await self._unwind(process)
                    await process.tidied()
            self._grace = None
        unwound = self._ended.is_set()
        ended = await self._slots.stop(process)
        self.survivors = ended.survivors
        # The pool process, idle or dead after SIGTERM, did not need SIGKILL; other processes did.
        others = ended.processes - ended.held
        needed = signal.SIGTERM if unwound and others == 0 else signal.SIGKILL
        return Death(signal=needed.name, processes=1 + others, survivors=len(ended.survivors))


def _scheduled(claim: Claim) -> Message:
    """Which occurrence of which schedule a job is; nothing of a job that is none."""
    if claim.schedule is None or claim.scheduled_for is None:
        return {}
    return {"schedule": claim.schedule, "scheduled_for": claim.scheduled_for.isoformat()}
