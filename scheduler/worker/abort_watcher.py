"""The abort watcher: checks, for each running job, whether its user aborted it.

    begin ──▶ timer ──▶ look ──▶ sleep 0.2 s ──▶ look ──▶ sleep 0.4 s ──▶ … up to the longest look
                └──── hint ──▶ look at once

A look reads the job's flag in the key-value store. A hint (the announcement, or the node's
heartbeat) wakes the watcher at once. Neither counts by itself: the watcher then asks the store,
which also has the requested grace period. Until the first look is due there is only a timer: most
jobs are shorter, and cost no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from scheduler.core.errors import QueueUnavailable, StoreUnavailable
from scheduler.core.job import StopReason
from scheduler.core.policy import looks_s
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Store
from scheduler.worker.attempt import Attempt
from scheduler.worker.intervals import Intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortWatchers:
    """Makes abort watchers with the intervals of the configuration."""

    store: Store
    queue: Queue
    intervals: Intervals

    def of(self, attempt: Attempt, group: asyncio.TaskGroup) -> AbortWatcher:
        """A new watcher for this attempt; its task runs in `group`."""
        return AbortWatcher(
            attempt,
            store=self.store,
            queue=self.queue,
            looks_s=looks_s(
                first_s=self.intervals.first_look_s, longest_s=self.intervals.longest_look_s
            ),
            group=group,
        )


class AbortWatcher:
    """Stops an attempt once its abort is requested; it watches in a `with` block."""

    def __init__(
        self,
        attempt: Attempt,
        *,
        store: Store,
        queue: Queue,
        looks_s: Iterator[float],
        group: asyncio.TaskGroup,
    ) -> None:
        """Collaborators.

        Args:
            looks_s: the sleep before each look; endless.
            group: runs the watcher's task.
        """
        self._attempt = attempt
        self._store = store
        self._queue = queue
        self._looks_s = looks_s
        self._group = group
        self._hinted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(next(self._looks_s), self._begin)
        if self._hinted.is_set():
            self.hint()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        assert self._timer is not None  # noqa: S101 - the block was entered
        self._timer.cancel()
        self._timer = None
        if self._task is not None:
            self._task.cancel()

    def hint(self) -> None:
        """Look at once: an abort may have been requested."""
        self._hinted.set()
        if self._timer is not None:  # else on entering the block, which a clean-up never does
            self._attempt.check_before_start(self._stop)
            self._begin()

    def _begin(self) -> None:
        if self._task is None and self._timer is not None:
            self._timer.cancel()
            name = f"watch {self._attempt.claim.id}"
            self._task = self._group.create_task(self._watch(), name=name)

    async def _watch(self) -> None:
        """Look at intervals until the attempt is stopped, then only at hints; until cancelled.

        A second abort may shorten the grace period.
        """
        stopped = False
        while True:
            with suppress(StoreUnavailable):
                if self._take_hint() or (not stopped and await self._flagged()):
                    stopped = await self._stop() or stopped
            with suppress(TimeoutError):
                async with asyncio.timeout(None if stopped else next(self._looks_s)):
                    await self._hinted.wait()

    def _take_hint(self) -> bool:
        """Whether a hint came. Clears it, so that the next one wakes the watcher again."""
        hinted = self._hinted.is_set()
        self._hinted.clear()
        return hinted

    async def _flagged(self) -> bool:
        try:
            return await self._queue.abort_announced(self._attempt.claim.id)
        except QueueUnavailable:
            return False  # the heartbeat brings the abort as well

    async def _stop(self) -> bool:
        """Stop the attempt if the store has an abort of it; whether it has.

        Raises:
            StoreUnavailable: that is not known.
        """
        abort = await self._store.abort_of(self._attempt.claim.id)
        if abort is None:
            return False
        self._attempt.stop(StopReason.ABORT, grace_s=abort.grace_s)
        return True
