"""Takes calls that are due from the store and tries them, a limited number at a time.

All nodes do this. A call that a node took is due again after `TAKEN_S`, so that it is not lost if
the node dies. A try and the storing of its result must end well before that, or the call is made
twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.core.webhook import HookCall, receiver, verdict
from scheduler.telemetry.job_events import JobEvents
from scheduler.webhooks.caller import Caller

AT_ONCE_MAX: Final = 32
"""How many calls a node tries at a time."""
PER_RECEIVER_MAX: Final = 8
"""How many of them may go to one receiver, so that one that hangs does not delay the others."""
TAKE_MAX: Final = 4
"""How many calls are taken at a time. They may all go to one receiver, so a receiver is skipped
unless this many more still fit below `PER_RECEIVER_MAX`."""
TAKEN_S: Final = 60.0
"""For how long a call belongs to the node that took it."""
DUE_CALLS_LOOK_S: Final = 1.0
"""How often the store is asked what is due: retries, and ends of jobs on other nodes."""
LAST_CALLS_S: Final = 5.0
"""How long a draining node still delivers; other nodes, or its next start, deliver the rest."""


class Delivery:
    """Delivers calls on one node, as every node does."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        random: Random,
        caller: Caller,
        job_events: JobEvents,
        give_up_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._caller = caller
        self._job_events = job_events
        self._give_up_s = give_up_s
        self._trying: dict[asyncio.Task[None], str] = {}
        """The tries that are under way, each with its receiver."""
        self._look = asyncio.Event()
        self._idle = asyncio.Event()

    def hint(self) -> None:
        """Look at once: a call may have become due."""
        self._look.set()

    async def run(self) -> None:
        """Deliver for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._look.clear()
                calls = await self._take()
                for call, job in calls:
                    assert job.hook is not None  # noqa: S101 - only a job with a hook has calls
                    trying = group.create_task(self._try(call, job), name=f"call {call.id}")
                    self._trying[trying] = receiver(job.hook)
                    trying.add_done_callback(self._tried)
                if not calls:
                    await self._pause()

    async def finish(self) -> None:
        """Wait until nothing is due, for at most `LAST_CALLS_S`."""
        self._idle.clear()
        self.hint()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CALLS_S):
                await self._idle.wait()

    async def _take(self) -> Sequence[tuple[HookCall, Job]]:
        """Take some calls that are due, with their jobs, within the limit of tries at a time."""
        limit = min(TAKE_MAX, AT_ONCE_MAX - len(self._trying))
        if limit == 0:
            return ()
        at = self._clock.now()
        until = at + timedelta(seconds=TAKEN_S)
        try:
            calls = await self._store.take_calls(at=at, until=until, limit=limit, but=self._busy())
            if not calls:
                return ()
            found = await self._store.outlines({call.job_id for call in calls})
        except StoreUnavailable:
            return ()  # other parts of the node log this outage
        jobs = {job.id: job for job in found}
        # A job that is missing was deleted meanwhile, and its calls with it.
        return [(call, jobs[call.job_id]) for call in calls if call.job_id in jobs]

    def _busy(self) -> Sequence[str]:
        """The receivers that `TAKE_MAX` more calls would take past their limit."""
        tried = Counter(self._trying.values())
        return [each for each, tries in tried.items() if tries > PER_RECEIVER_MAX - TAKE_MAX]

    async def _pause(self) -> None:
        """Wait until a try ends or a call may be due."""
        if not self._trying:
            self._idle.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(DUE_CALLS_LOOK_S):
                await self._look.wait()

    def _tried(self, trying: asyncio.Task[None]) -> None:
        del self._trying[trying]
        self.hint()

    async def _try(self, call: HookCall, job: Job) -> None:
        """Try a call and store the result; if the store is away, the call is tried again later."""
        result = await self._caller.call(call, job, at=self._clock.now())
        follows = verdict(
            call,
            result.code,
            at=self._clock.now(),
            give_up_s=self._give_up_s,
            random=self._random,
        )
        with suppress(StoreUnavailable):
            await self._store.settle_call(call, follows, answer=result.text)
            self._job_events.hook_tried(call, job, follows, result.text)
