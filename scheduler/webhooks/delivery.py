"""Takes calls that are due from the store and tries them, a limited number at a time.

    take ─▶ look the host up ─▶ a place at its address ─▶ call ─▶ settle
                │                       │
                └── others have them all ──▶ put back, without counting a try

All nodes do this. A call that a node took is due again after `TAKEN_S`, so that it is not lost if
the node dies. A try and the storing of its result must end well before that, or the call is made
twice. All times are by the store's clock, which all nodes share: by that of a node which is ahead,
calls would be taken from the nodes that try them, and left for later by others.

No receiver that hangs, no address and no user has all the places. Half of them are for users who
have no other call under way: so others' calls are made however many one user has, and in however
many spellings he names one receiver.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Job
from scheduler.core.ports.store import Store
from scheduler.core.webhook import HookCall, receiver, verdict
from scheduler.telemetry.job_events import JobEvents
from scheduler.webhooks.caller import Caller, TryResult, failed
from scheduler.webhooks.errors import BusyError, UncallableError

AT_ONCE_MAX: Final = 64
"""How many calls a node has under way at a time."""
SHARED_MAX: Final = 32
"""With more than this under way, only users who have none get a place."""
PER_USER_MAX: Final = 16
"""How many of them may be of one user."""
PER_RECEIVER_MAX: Final = 8
"""How many of them may go to one receiver, so that one that hangs does not delay others."""
PER_ADDRESS_MAX: Final = 24
"""How many of them may go to one address, however many names and spellings it has. More than one
user may have: many receivers share an address, and none of their users can have all its places."""
TAKE_MAX: Final = 4
"""How many calls are taken at a time. They may all be of one user and go to one receiver, so these
are skipped unless this many more still fit below their limits."""
PUT_BACK_SHORTEST_S: Final = 2.0
PUT_BACK_LONGEST_S: Final = 60.0
PUT_BACK_SHARE: Final = 0.1
"""A call that has to wait for others is taken again after this share of its age: the longer a line
is, the more seldom its calls are looked at."""
TAKEN_S: Final = 60.0
"""For how long a call belongs to the node that took it."""
DUE_CALLS_LOOK_S: Final = 1.0
"""How often the store is asked what is due: retries, and ends of jobs on other nodes."""
LONG_LOOK_S: Final = 0.02
"""A look that takes longer passes over thousands of calls which have to wait for others."""
LONG_LOOK_PAUSE: Final = 9
"""How many times as long no other look begins: the store has to write for others, too."""
LAST_CALLS_S: Final = 5.0
"""How long a draining node still delivers; other nodes, or its next start, deliver the rest."""


class Delivery:
    """Delivers calls on one node, as every node does."""

    def __init__(
        self,
        *,
        store: Store,
        random: Random,
        caller: Caller,
        job_events: JobEvents,
        give_up_s: float,
    ) -> None:
        self._store = store
        self._random = random
        self._caller = caller
        self._job_events = job_events
        self._give_up_s = give_up_s
        self._trying: dict[asyncio.Task[None], Job] = {}
        """The tries that are under way, each with its job."""
        self._ahead_s = 0.0
        """How far the store's clock is ahead of the loop's, as when calls were last taken."""
        self._called = Counter[str]()
        """How many of them go to each address."""
        self._look = asyncio.Event()
        self._idle = asyncio.Event()

    def hint(self) -> None:
        """Look at once: a call may have become due."""
        self._look.set()

    async def run(self) -> None:
        """Deliver for ever."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            while True:
                self._look.clear()
                began = loop.time()
                calls = await self._take()
                looked_s = loop.time() - began
                for call, job in calls:
                    trying = group.create_task(self._try(call, job), name=f"call {call.id}")
                    self._trying[trying] = job
                    trying.add_done_callback(self._tried)
                if looked_s > LONG_LOOK_S:
                    await asyncio.sleep(min(LONG_LOOK_PAUSE * looked_s, DUE_CALLS_LOOK_S))
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
        under_way = len(self._trying)
        limit = min(TAKE_MAX if under_way < SHARED_MAX else 1, AT_ONCE_MAX - under_way)
        if limit == 0:
            return ()
        try:
            calls = await self._store.take_calls(
                limit=limit,
                taken_s=TAKEN_S,
                but=self._busy_receivers(),
                but_users=self._busy_users(),
            )
            if not calls:
                return ()
            self._note_time(calls[0])
            found = await self._store.outlines({call.job_id for call in calls})
        except StoreUnavailable:
            return ()  # other parts of the node log this outage
        jobs = {job.id: job for job in found}
        # A job that is missing was deleted meanwhile, and its calls with it.
        return [(call, jobs[call.job_id]) for call in calls if call.job_id in jobs]

    def _note_time(self, taken: HookCall) -> None:
        """Note the store's time of day, which a call tells that was taken just now."""
        assert taken.due_at is not None  # noqa: S101 - a call that is taken is due again
        now_s = taken.due_at.timestamp() - TAKEN_S
        self._ahead_s = now_s - asyncio.get_running_loop().time()

    def _now(self) -> datetime:
        """The time of day by the store's clock, once calls were taken."""
        return datetime.fromtimestamp(asyncio.get_running_loop().time() + self._ahead_s, UTC)

    def _busy_receivers(self) -> Sequence[str]:
        """The receivers that `TAKE_MAX` more calls would take past their limit."""
        tried = Counter(receiver(job.hook or "") for job in self._trying.values())
        return [each for each, tries in tried.items() if tries > PER_RECEIVER_MAX - TAKE_MAX]

    def _busy_users(self) -> Sequence[str]:
        """The users who get no further place now."""
        tried = Counter(job.uid for job in self._trying.values())
        most = 0 if len(self._trying) >= SHARED_MAX else PER_USER_MAX - TAKE_MAX
        return [each for each, tries in tried.items() if tries > most]

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
        with suppress(StoreUnavailable):
            try:
                result = await self._result(call, job)
            except BusyError:
                await self._store.put_back_call(call, due_at=self._later(call))
            else:
                await self._settle(call, job, result)

    async def _result(self, call: HookCall, job: Job) -> TryResult:
        """What comes of a try.

        Raises:
            BusyError: it must wait for others.
        """
        try:
            address = await self._caller.address(job)
        except UncallableError as error:
            return failed(error)
        with self._place(address):
            return await self._caller.call(call, job, at=self._now())

    @contextmanager
    def _place(self, address: str) -> Iterator[None]:
        if self._called[address] >= PER_ADDRESS_MAX:
            raise BusyError(f"{PER_ADDRESS_MAX} calls to {address} are under way")
        self._called[address] += 1
        try:
            yield
        finally:
            self._called[address] -= 1
            if not self._called[address]:
                del self._called[address]

    def _later(self, call: HookCall) -> datetime:
        now = self._now()
        wait_s = PUT_BACK_SHARE * (now - call.created_at).total_seconds()
        bounded_s = min(max(wait_s, PUT_BACK_SHORTEST_S), PUT_BACK_LONGEST_S)
        return now + timedelta(seconds=bounded_s * self._random.uniform(0.5, 1.0))

    async def _settle(self, call: HookCall, job: Job, result: TryResult) -> None:
        follows = verdict(
            call,
            result.code,
            at=self._now(),
            give_up_s=self._give_up_s,
            random=self._random,
            retry_after_s=result.retry_after_s,
        )
        await self._store.settle_call(call, follows, answer=result.text)
        self._job_events.hook_tried(call, job, follows, result.details or result.text)
