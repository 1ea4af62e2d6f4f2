"""Waiting for processes that outlive SIGKILL: in the kernel (state D), or of other privileges.

A job whose processes live is not reported dead, nor given to another attempt. Its worker goes on
with a new process, and here the old ones are killed again, and looked for, in growing intervals,
until it is true that they are gone. Meanwhile the receipt of an abort shows how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import count
from random import Random

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Death, Stopped
from scheduler.core.policy import backoff_s
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.processes import tree
from scheduler.worker.attempt import Attempt
from scheduler.worker.settling import Settling


@asynccontextmanager
async def open_unkillable(
    *, store: Store, clock: Clock, random: Random, settling: Settling
) -> AsyncIterator[UnkillableProcesses]:
    """Keeps vigils for as long as the block runs; what is left then, the next owner finds."""
    async with asyncio.TaskGroup() as group:
        unkillable = UnkillableProcesses(
            store=store, clock=clock, random=random, settling=settling, group=group
        )
        yield unkillable
        unkillable.give_up()


class UnkillableProcesses:
    """Settles stopped attempts late, when nothing of them lives any more."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        random: Random,
        settling: Settling,
        group: asyncio.TaskGroup,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._settling = settling
        self._group = group
        self._kept: set[asyncio.Task[None]] = set()

    def begin(self, attempt: Attempt, outcome: Stopped, *, leave: Callable[[], None]) -> None:
        """Watch over what is left of an attempt; `leave` is called when it is settled."""
        name = f"unkillable {attempt.claim.id}"
        kept = self._group.create_task(self._keep(attempt, outcome, leave), name=name)
        self._kept.add(kept)
        kept.add_done_callback(self._kept.discard)

    @property
    def kept(self) -> bool:
        """Whether something is watched over now."""
        return bool(self._kept)

    def give_up(self) -> None:
        """Leave the unfinished ones to whoever takes over what this node owned."""
        for kept in self._kept:
            kept.cancel()

    async def _keep(self, attempt: Attempt, outcome: Stopped, leave: Callable[[], None]) -> None:
        claim, survivors = attempt.claim, attempt.survivors
        try:
            for looks in count():
                await self._note(attempt, replace(outcome.death, survivors=len(survivors)))
                await self._clock.sleep(backoff_s(looks, random=self._random, longest_s=30.0))
                survivors = await asyncio.to_thread(tree.end_again, survivors)
                if not survivors:
                    break
            settled = replace(outcome, death=replace(outcome.death, survivors=0))
            await self._settling.settle(claim, settled, attempt.progress)
        finally:
            leave()

    async def _note(self, attempt: Attempt, death: Death) -> None:
        claim = attempt.claim
        attempt.job_events.outlived(claim, death)
        with suppress(StoreUnavailable):
            await self._store.note_survivors(claim.id, token=claim.token, death=death)
