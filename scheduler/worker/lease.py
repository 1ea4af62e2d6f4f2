"""The node's lease: shows others that it lives, and itself whether it may still run jobs.

    renew, sent at t ──▶ store    others see a new beat, and presume us dead lease_s after that
             │
             └─ t + fence_s       until then we may run jobs; by then we end them

Both sides measure by their own monotonic clock, so a wall clock that jumps, or differs between
machines, does no harm. `fence_s` is shorter than `lease_s` by the time that killing takes, so two
attempts at one job never run at the same time. The warden has the same deadline, for the case that
this process is stopped or starved and cannot act itself.

A node cannot tell a store that answers nobody from one that does not answer this node alone, so it
ends its jobs at the deadline in both cases. It renews so often that a stall shorter than
`policy.stall_s` costs nothing, whenever it begins.

A store of its own (SQLite) is locked by this process for as long as that lives. Nobody else can
take its jobs then, however long it is silent: there is no deadline.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Node
from scheduler.core.policy import fence_s, renewal_answer_s, renewal_s, retry_s
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store

TRY_AGAIN_S: Final = 0.5
"""The pause before the store is told of handlers again, which is only needed when it was away."""

log = structlog.get_logger()


class Lease:
    """Renews the node's row, and calls `on_lost` when that has failed for too long."""

    def __init__(
        self,
        node: Node,
        *,
        store: Store,
        clock: Clock,
        lease_s: float,
        running: Callable[[], int],
        on_abort_requested: Callable[[str], None],
        on_held: Callable[[float], None],
        on_lost: Callable[[], None],
        calm: Callable[[], Awaitable[object]],
        shared: bool = True,
    ) -> None:
        """Collaborators.

        Args:
            node: the row to register.
            running: how many attempts run now, for the node's row.
            on_abort_requested: called regularly with the id of each job of this node whose abort is
                in the store.
            on_held: called at each renewal with the instant of `monotonic` until which this node
                may run jobs; never where there is no deadline.
            on_lost: must stop everything that runs here.
            calm: waits, after a loss, until nobody ends jobs for an earlier deadline any more. What
                began before would be ended as well.
            shared: whether other nodes may use the store, and so take the jobs of a silent node.
        """
        self.node = node
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._shared = shared
        self._fence_s = fence_s(lease_s) if shared else math.inf
        self._running = running
        self._on_abort_requested = on_abort_requested
        self._on_held = on_held
        self._on_lost = on_lost
        self._calm = calm
        self._beat = node.beat
        """The highest beat that the store may have: each renewal that was sent may have arrived."""
        self._held_until = 0.0
        self._times_lost = 0
        self._failed = False
        """Whether the last renewal failed."""
        self._held = asyncio.Event()

    def mark(self) -> int:
        """A mark of this moment, for `unbroken`."""
        return self._times_lost

    def unbroken(self, mark: int) -> bool:
        """Whether the lease has been held without a break since the mark."""
        self._notice_loss()
        return self._held.is_set() and mark == self._times_lost

    async def held(self) -> None:
        """Wait until the lease is held: a job claimed without it would only be given back."""
        await self._held.wait()

    async def begin(self) -> None:
        """Register the node; from then on it may claim jobs."""
        sent = self._clock.monotonic()
        await self._store.register(self.node)
        await self._hold_from(sent)

    async def keep(self) -> None:
        """Renew the lease, and notice its loss; for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_regularly(), name="renew the lease")
            group.create_task(self._look_for_aborts(), name="look for requested aborts")
            if self._shared:
                group.create_task(self._guard(), name="guard the lease")

    async def set_tasks(self, tasks: Sequence[str]) -> None:
        """Tell others which handlers this node has from now on; tried until the store has it.

        Without the store no job begins anyway. A node that is presumed dead registers with them.
        """
        self.node = replace(self.node, tasks=tuple(tasks))
        while True:
            with suppress(StoreUnavailable):
                # A registration that was sent before may arrive after it, with the old ones.
                if await self._store.set_tasks(self.node.id, tasks):
                    return
            await self._clock.sleep(TRY_AGAIN_S)

    async def end(self) -> None:
        """Give the lease up; nothing of this node may run any more."""
        with suppress(StoreUnavailable):
            await self._store.bury(self.node.id)

    async def _renew_regularly(self) -> None:
        due = self._clock.monotonic()
        while True:
            # Counted from when the last one was due. Counted from its end, a renewal that timed out
            # would delay the next one.
            due = max(due + self._pause_s(), self._clock.monotonic())
            await self._clock.sleep(due - self._clock.monotonic())
            self._failed = True
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(renewal_answer_s(self._lease_s)):
                    await self._renew()
                self._failed = False

    def _pause_s(self) -> float:
        """The time from one renewal to the next."""
        if not (self._shared and self._held.is_set()):
            return renewal_answer_s(self._lease_s)
        return retry_s(self._lease_s) if self._failed else renewal_s(self._lease_s)

    async def _look_for_aborts(self) -> None:
        """Pass on the requested aborts; not with a renewal, which no lock on jobs may delay."""
        while True:
            await self._clock.sleep(renewal_answer_s(self._lease_s))
            with suppress(StoreUnavailable):
                for job_id in await self._store.aborts_requested(self.node.id):
                    self._on_abort_requested(job_id)

    async def _guard(self) -> None:
        """Notice the loss at the deadline, even while a renewal hangs."""
        while True:
            await self._held.wait()
            await self._clock.sleep(max(0.0, self._held_until - self._clock.monotonic()))
            self._notice_loss()

    async def _renew(self) -> None:
        self._notice_loss()  # the process may have been stopped for longer than the lease
        sent = self._clock.monotonic()
        self._beat += 1
        if await self._store.renew(self.node.id, running=self._running()):
            await self._hold_from(sent)
        else:
            await self._rejoin()

    async def _hold_from(self, sent: float) -> None:
        self._notice_loss()  # the answer may have come after the lease had ended
        until = sent + self._fence_s
        if self._clock.monotonic() < until and self._shared:
            self._on_held(until)
        if self._times_lost and not self._held.is_set():
            await self._calm()
        self._held_until = until
        if self._clock.monotonic() < until:
            self._held.set()

    def _notice_loss(self) -> None:
        if self._held.is_set() and self._clock.monotonic() >= self._held_until:
            self._lose()

    def _lose(self) -> None:
        self._held.clear()
        self._times_lost += 1
        log.error("the lease is lost: what runs on this node is ended")
        self._on_lost()

    async def _rejoin(self) -> None:
        """Register again after others presumed this node dead; first stop all that runs.

        A job that was not taken over meanwhile is ours again, so no other attempt begins before
        this one is settled. A job that is unknown here is given back as a lost claim. The beat goes
        on: with one that others have seen before, they would count the silence from then.
        """
        self._lose()
        sent = self._clock.monotonic()
        self._beat += 1
        await self._store.register(replace(self.node, beat=self._beat))
        await self._hold_from(sent)
        log.warning("the node was presumed dead, and is back")
