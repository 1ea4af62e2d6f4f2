"""The node's lease: proof to others that it lives, and to itself that it may still run jobs.

    renew, sent at t ──▶ store    others see the beat change, and wait lease_s before they bury us
             │
             └─ t + fence_s       until then we may run; after it we have killed what we ran

Both sides measure by their own monotonic clock, so a wall clock that jumps, or differs between
machines, harms nothing. `fence_s` is shorter than `lease_s` by the time that killing takes: two
attempts at one job never run at once. The warden holds the same deadline for the case that this
process is stopped or starved and cannot act on it itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from scheduler.core.errors import StoreUnavailable
from scheduler.core.job import Node
from scheduler.core.policy import fence_s, renewal_s
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.store import Store

log = structlog.get_logger()


class Lease:
    """Renews the node's row, and calls out when that failed for too long."""

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
    ) -> None:
        """Collaborators.

        Args:
            node: as it registers.
            running: how many attempts run now, for the node's row.
            on_abort_requested: told of each job of ours whose abort the store knows of.
            on_held: told, at each renewal, the instant of `monotonic` up to which we may run.
            on_lost: must have everything that runs here ended.
        """
        self.node = node
        self._store = store
        self._clock = clock
        self._lease_s = lease_s
        self._running = running
        self._on_abort_requested = on_abort_requested
        self._on_held = on_held
        self._on_lost = on_lost
        self._beat = node.beat
        """As far as ours may be in the store, where each renewal that was sent may have arrived."""
        self._held_until = 0.0
        self._times_lost = 0
        self._held = asyncio.Event()

    def mark(self) -> int:
        """Something to ask `unbroken` with later."""
        return self._times_lost

    def unbroken(self, mark: int) -> bool:
        """Whether the lease was held all the time since the mark, and is now."""
        self._notice_loss()
        return self._held.is_set() and mark == self._times_lost

    async def held(self) -> None:
        """Wait until the lease is held: what is claimed without it is only given back."""
        await self._held.wait()

    async def begin(self) -> None:
        """Register the node; from here on it may claim."""
        sent = self._clock.monotonic()
        await self._store.register(self.node)
        self._hold_from(sent)

    async def keep(self) -> None:
        """Renew, and notice when that came too late; for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renew_regularly(), name="renew the lease")
            group.create_task(self._guard(), name="guard the lease")

    async def end(self) -> None:
        """Give the lease up: nothing of this node runs any more."""
        with suppress(StoreUnavailable):
            await self._store.bury(self.node.id)

    async def _renew_regularly(self) -> None:
        due = self._clock.monotonic()
        while True:
            # Counted from when the last one was due: from its end, one that was waited for in vain
            # would put off the next one beyond the fence.
            due = max(due + renewal_s(self._lease_s), self._clock.monotonic())
            await self._clock.sleep(due - self._clock.monotonic())
            # No longer than until the next one is due: a connection that fell silent, where another
            # one would do, must cost a renewal and not the lease.
            with suppress(StoreUnavailable, TimeoutError):
                async with asyncio.timeout(renewal_s(self._lease_s)):
                    await self._renew()

    async def _guard(self) -> None:
        """Call out at the deadline, also while a renewal hangs."""
        while True:
            await self._held.wait()
            await self._clock.sleep(max(0.0, self._held_until - self._clock.monotonic()))
            self._notice_loss()

    async def _renew(self) -> None:
        self._notice_loss()  # the process may have been stopped for longer than the lease
        sent = self._clock.monotonic()
        self._beat += 1
        aborts = await self._store.renew(self.node.id, running=self._running())
        if aborts is None:
            await self._rejoin()
            return
        self._hold_from(sent)
        for job_id in aborts:
            self._on_abort_requested(job_id)

    def _hold_from(self, sent: float) -> None:
        self._notice_loss()  # the answer may have come after what it renews had ended
        self._held_until = sent + fence_s(self._lease_s)
        if self._clock.monotonic() < self._held_until:
            self._held.set()
            self._on_held(self._held_until)

    def _notice_loss(self) -> None:
        if self._held.is_set() and self._clock.monotonic() >= self._held_until:
            self._lose()

    def _lose(self) -> None:
        self._held.clear()
        self._times_lost += 1
        log.error("the lease is lost: what runs on this node is ended")
        self._on_lost()

    async def _rejoin(self) -> None:
        """Others presumed us dead: end all that runs, and come back.

        What nobody took over meanwhile is ours again, so no other attempt begins before this one's
        end is settled. What we know nothing of is given back as lost claims are. The beat goes on:
        with one that others saw before, they would take us for silent since then.
        """
        self._lose()
        sent = self._clock.monotonic()
        self._beat += 1
        await self._store.register(replace(self.node, beat=self._beat))
        self._hold_from(sent)
        log.warning("the node was presumed dead, and is back")
