"""Waiting for processes that outlive SIGKILL: in the kernel (state D), or of other privileges.

A job whose processes live is not reported dead, nor given to another attempt. Its worker goes on
with a new process. Here the old ones are killed again, and looked for, in growing intervals, until
they are gone. Meanwhile the receipt of an abort shows how many there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Final

from scheduler.basics.retry import Backoff
from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Death, Stopped
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store
from scheduler.processes import tree
from scheduler.worker.attempt import Attempt
from scheduler.worker.settling import Settling

LOOKS_LONGEST_S: Final = 30.0
"""The longest pause between two looks: such a process may be there for days."""


class UnkillableProcesses:
    """Settles stopped attempts late: once none of their processes lives any more."""

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
        self._watches: set[asyncio.Task[None]] = set()

    def __bool__(self) -> bool:
        """Whether any process is there that could not be killed."""
        return bool(self._watches)

    def watch(self, attempt: Attempt, outcome: Stopped, *, release: Callable[[], None]) -> None:
        """Kill the survivors of an attempt until they are gone, then settle and call `release`."""
        name = f"kill what is left of {attempt.claim.id}"
        watch = self._group.create_task(self._watch(attempt, outcome, release), name=name)
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    def give_up(self) -> None:
        """Leave those that are still there to whoever takes over what this node owned."""
        for watch in self._watches:
            watch.cancel()

    async def _watch(self, attempt: Attempt, outcome: Stopped, release: Callable[[], None]) -> None:
        claim, survivors = attempt.claim, attempt.survivors
        backoff = Backoff(self._random, sleep=self._clock.sleep, longest_s=LOOKS_LONGEST_S)
        try:
            while survivors:
                await self._note(attempt, replace(outcome.death, survivors=len(survivors)))
                await backoff.pause()
                survivors = await asyncio.to_thread(tree.end_again, survivors)
            settled = replace(outcome, death=replace(outcome.death, survivors=0))
            await self._settling.settle(claim, settled, attempt.progress)
        finally:
            release()

    async def _note(self, attempt: Attempt, death: Death) -> None:
        claim = attempt.claim
        attempt.job_events.outlived(claim, death)
        with suppress(StoreUnavailable):
            await self._store.note_survivors(claim.id, token=claim.token, death=death)
