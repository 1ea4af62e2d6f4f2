"""Takes calls that are due from the store and tries them, some at a time.

All nodes do. A call that is taken is due again after `TAKEN_S`, so that it is not lost with the
node that took it. A try and the writing of its answer end well before that, or it comes twice.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scheduler.errors import StoreUnavailable
from scheduler.hook import verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from scheduler.api.hooks.caller import Caller
    from scheduler.chronicle import Chronicle
    from scheduler.hook import HookCall
    from scheduler.ports import Clock, Store

AT_ONCE_MAX: Final = 32
"""How many calls a node tries at a time."""
TAKEN_S: Final = 60.0
"""For how long a call belongs to the node that took it."""
LOOK_EVERY_S: Final = 1.0
"""How often the store is asked what is due: tries that are due again, and ends on other nodes."""
LAST_CALLS_S: Final = 5.0
"""How long a node that ends still delivers; the rest is for others, or for its next start."""


class Delivery:
    """A node's share in calling hooks."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        random: Random,
        caller: Caller,
        chronicle: Chronicle,
        give_up_s: float,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._caller = caller
        self._chronicle = chronicle
        self._give_up_s = give_up_s
        self._trying: set[asyncio.Task[None]] = set()
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
                for call in calls:
                    trying = group.create_task(self._try(call), name=f"call {call.id}")
                    self._trying.add(trying)
                    trying.add_done_callback(self._tried)
                if not calls:
                    await self._pause()

    async def finish(self) -> None:
        """Wait until nothing is due, for a little while."""
        self._idle.clear()
        self.hint()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_CALLS_S):
                await self._idle.wait()

    async def _take(self) -> Sequence[HookCall]:
        free = AT_ONCE_MAX - len(self._trying)
        if free == 0:
            return ()
        at = self._clock.now()
        try:
            return await self._store.take_calls(
                at=at, until=at + timedelta(seconds=TAKEN_S), limit=free
            )
        except StoreUnavailable:
            return ()  # whatever else the node does says so

    async def _pause(self) -> None:
        """Until a call ends, or may be due."""
        if not self._trying:
            self._idle.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._look.wait()

    def _tried(self, trying: asyncio.Task[None]) -> None:
        self._trying.discard(trying)
        self.hint()

    async def _try(self, call: HookCall) -> None:
        """Try a call, and note how it went; where the store is away, it is tried again later."""
        with suppress(StoreUnavailable):
            job = await self._store.get(call.job_id)
            if job is None:
                return  # deleted meanwhile, and its calls with it
            answer = await self._caller.call(call, job, at=self._clock.now())
            follows = verdict(
                call,
                answer.code,
                at=self._clock.now(),
                give_up_s=self._give_up_s,
                random=self._random,
            )
            await self._store.settle_call(call, follows, answer=answer.words)
            self._chronicle.called(call, job, follows, answer.words)
