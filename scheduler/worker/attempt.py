"""One attempt at one job: from its claim to its outcome, and the only way to stop it.

    run ──▶ wait for a pool process ──▶ begin the job in it ──▶ end frame ──▶ Returned, Raised, …
                     │                          │   └─ process died ───────▶ Crashed
    stop(reason) ────┴─ nothing ran ─▶ Stopped ◀┴ SIGTERM ─ grace period ─ end the tree

Everybody who wants a job ended calls `stop`: the abort watcher, the time limit, a lost lease, a
drain. The first reason counts, but for an abort amid the grace period of a time limit, and an end
frame that is here already beats them all. Both are decided on the event loop, in one step each, so
there is no moment at which both are true.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

import orjson

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
    Raised,
    Returned,
    Stopped,
    StopReason,
    Unreturnable,
)
from scheduler.core.job_log import LogStream
from scheduler.core.policy import grace_s
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from scheduler.processes.tree import Process
from scheduler.telemetry.job_events import JobEvents

Message = Mapping[str, Any]

BROKEN: Final = (KeyError, TypeError, ValueError)
"""What comes of frames that make no sense: a handler can make its process write anything."""
NOTIFICATIONS_MAX: Final = 1000
"""Of one attempt; further ones are dropped: a loop must not fill the store."""


class Attempt:
    """A claim that is being worked on."""

    def __init__(
        self,
        claim: Claim,
        *,
        group: asyncio.TaskGroup,
        slots: Slots,
        options: HandlerOptions,
        node_grace_s: float,
        time_limit_s: float | None,
        keep_notification: Callable[[Claim, int, JsonText], Coroutine[None, None, None]],
        on_output: Callable[[Claim, LogStream, bytes], None],
        job_events: JobEvents,
    ) -> None:
        """Collaborators.

        Args:
            group: where notifications are stored; it outlasts the attempt.
            keep_notification: stores the attempt's notification of this number, however long that
                takes.
            on_output: called with what the job prints.
        """
        self.claim = claim
        self.job_events = job_events
        self.progress: Progress | None = None
        self.survivors: tuple[Process, ...] = ()
        """What outlived SIGKILL when the attempt was stopped."""
        self._group = group
        self._wait = Wait()
        self._look: Callable[[], Awaitable[object]] | None = None
        self._process: PoolProcess | None = None
        self._slots = slots
        self._grace_s = grace_s(options.grace_s, node_grace_s)
        self._grace: asyncio.Timeout | None = None
        """While the grace period runs."""
        self._time_limit_s = time_limit_s
        self._keep_notification = keep_notification
        self._notifications = 0
        self._keeping: set[asyncio.Task[None]] = set()
        self._on_output = partial(on_output, claim)
        self._end: Outcome | None = None
        self._leftovers = False
        self._limit: asyncio.TimerHandle | None = None
        self._heard_end = asyncio.Event()
        """Set once the process has sent its end frame, or died."""
        self._stopped: StopReason | None = None
        self._over = asyncio.Event()

    async def run(self, process: Coroutine[None, None, PoolProcess]) -> Outcome:
        """Run the handler to its end, or until it is stopped.

        Args:
            process: waits for the pool process to run in; cancelled where the attempt is stopped
                meanwhile.
        """
        with self._wait:
            self._process = await self._begin(process)
        self._look = None
        if self._process is None:
            assert self._stopped is not None  # noqa: S101 - nothing else ends the wait
            return Stopped(self._stopped, NOTHING_RAN)
        await self._over.wait()
        outcome = await self._outcome(self._process)
        if self._keeping:  # the notifications are stored before the job's end is
            await asyncio.wait(self._keeping)
        return outcome

    def check_before_start(self, look: Callable[[], Awaitable[object]]) -> None:
        """Have `look` called before the handler begins: the answer to its abort may be out already.

        Without effect where the handler has begun. It does not begin where the store does not
        answer that look.
        """
        if self._process is None:
            self._look = look

    def stop(self, reason: StopReason, *, grace_s: float | None = None) -> None:
        """End the attempt early; without effect where it has ended.

        Where it is being stopped already it may be hastened, and taken for aborted instead of over
        its time limit: that is what its user was answered.

        Args:
            grace_s: seconds between SIGTERM and SIGKILL; None for the handler's or the node's.
        """
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
        """Wait for the process and begin; None where the attempt was stopped meanwhile."""
        if self._over.is_set():
            waiting.close()
            return None
        process = await waiting
        while (look := self._look) is not None:
            self._look = None
            try:
                await look()
            except StoreUnavailable:
                # Its abort may be stored: given back, it is then aborted, and else begins anew.
                self.stop(StopReason.DRAIN)
        if self._over.is_set():
            return None
        if self._time_limit_s is not None:
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(self._time_limit_s, self.stop, StopReason.TIME_LIMIT)
        process.begin(
            self._frame(),
            on_message=self._on_message,
            on_output=self._on_output,
            on_end=self._on_end,
        )
        return process

    def _frame(self) -> Message:
        claim = self.claim
        return {
            **claim.submitted(),
            "purpose": claim.purpose,
            "id": claim.id,
            "attempt": claim.attempt,
            "traceparent": claim.traceparent,
        }

    def _on_end(self, end: Message | None) -> None:
        """Take note of how the job ended, or that its process did."""
        if self._limit is not None:
            self._limit.cancel()
        if end is not None:
            with suppress(*BROKEN):
                self.progress = _progress(end["progress"]) or self.progress
                self._leftovers = bool(end["leftovers"])
                self._end = _ending(end)
        self._heard_end.set()
        self._over.set()

    def _on_message(self, message: Message) -> None:
        """Keep the progress, or the notification, that the handler sent."""
        with suppress(*BROKEN):
            self.progress = _progress(message.get("progress")) or self.progress
        if isinstance(payload := message.get("notify"), str):
            self._notify(JsonText(payload))

    def _notify(self, payload: JsonText) -> None:
        """Have a notification stored, while the job goes on."""
        self._notifications += 1
        number = self._notifications
        if number <= NOTIFICATIONS_MAX:
            keep = self._keep_notification(self.claim, number, payload)
            name = f"keep notification {number} of {self.claim.id}"
            self._keeping.add(self._group.create_task(keep, name=name))
        elif number == NOTIFICATIONS_MAX + 1:
            self.job_events.notified_too_often(self.claim)

    async def _outcome(self, process: PoolProcess) -> Outcome:
        """What the end frame says, or how the process died without one, or was stopped."""
        if self._stopped is not None:
            death = await self._stop(process)
            limit_s = self._time_limit_s if self._stopped is StopReason.TIME_LIMIT else None
            return Stopped(self._stopped, death, limit_s)
        if self._end is None:
            await self._slots.end(process)
            return Crashed(process.exit_status)
        if self._leftovers:
            await self._slots.end(process)
        return self._end

    async def _stop(self, process: PoolProcess) -> Death:
        """SIGTERM, the grace period, then the end of the whole tree."""
        if self._grace_s > 0:
            process.send(signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace_s) as self._grace:
                    await self._heard_end.wait()
            self._grace = None
        unwound = self._heard_end.is_set()
        ended = await self._slots.end(process)
        self.survivors = ended.survivors
        # The process itself, idle or dead after SIGTERM, needed no more than that; others did.
        others = ended.processes - ended.held
        needed = signal.SIGTERM if unwound and others == 0 else signal.SIGKILL
        return Death(signal=needed.name, processes=1 + others, survivors=len(ended.survivors))


def _ending(end: Message) -> Outcome:
    """What an end frame says."""
    match end:
        case {"returned": str(text)}:
            orjson.loads(text)  # else nobody could read an answer with this job in it
            return Returned(JsonText(text))
        case {"unreturnable": str(message)}:
            return Unreturnable(message)
        case {"raised": {"type": str(type_), "message": str(message), "traceback": str(traceback)}}:
            return Raised(type=type_, message=message, traceback=traceback)
        case _:
            raise TypeError("an end frame that makes no sense")


def _progress(told: Any) -> Progress | None:  # noqa: ANN401 - a part of a frame
    match told:
        case None:
            return None
        case {
            "done": int() | float() as done,
            "total": None | int() | float() as total,
            "message": None | str() as message,
        }:
            return Progress(done=done, total=total, message=message)
        case _:
            raise TypeError("progress that makes no sense")
