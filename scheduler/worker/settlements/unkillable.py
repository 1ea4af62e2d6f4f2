"""Waits for processes that survive SIGKILL: stuck in the kernel (state D), or with more privileges.

A job is not settled, and gets no other attempt, while any of its processes lives. Its worker goes
on with a new process. Here the old ones are killed again, at growing intervals, until they are
gone. Meanwhile the receipt of an abort shows how many there are.
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
from scheduler.worker.settlements.settling import Settling

LOOKS_LONGEST_S: Final = 30.0
"""The longest pause between two tries: such a process may live for days."""


class UnkillableProcesses:
    """Settles stopped attempts later: once all of their processes are gone."""

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
        """Whether there is any such process."""
        return bool(self._watches)

    def watch(self, attempt: Attempt, outcome: Stopped, *, release: Callable[[], None]) -> None:
        """Kill an attempt's survivors until they are gone, then settle it and call `release`."""
        name = f"kill the survivors of {attempt.claim.id}"
        watch = self._group.create_task(self._watch(attempt, outcome, release), name=name)
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    def give_up(self) -> None:
        """Stop waiting; another node takes over the jobs that this node owns."""
        for watch in self._watches:
            watch.cancel()

    async def _watch(self, attempt: Attempt, outcome: Stopped, release: Callable[[], None]) -> None:
        survivors = attempt.survivors
        backoff = Backoff(self._random, sleep=self._clock.sleep, longest_s=LOOKS_LONGEST_S)
        try:
            while survivors:
                await self._report(attempt, replace(outcome.death, survivors=len(survivors)))
                await backoff.pause()
                survivors = await asyncio.to_thread(tree.end_again, survivors)
            settled = replace(outcome, death=replace(outcome.death, survivors=0))
            await self._settling.settle(attempt.end(settled))
        finally:
            release()

    async def _report(self, attempt: Attempt, death: Death) -> None:
        """Log the number of survivors, and show it in the receipt of the abort."""
        claim = attempt.claim
        attempt.job_events.survived_kill(claim, death)
        with suppress(StoreUnavailable):
            await self._store.note_survivors(claim.id, token=claim.token, death=death)
