"""Claiming: how often the store is asked for waiting jobs whose ids do not come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from scheduler.core.job import Line
from scheduler.core.places.labels import ANYWHERE
from scheduler.core.ports.queue import equal_shares
from scheduler.core.quotas.quota import UNLIMITED
from scheduler.processes.slots import Slots
from scheduler.service.pauses import PauseService
from scheduler.worker.claiming import Claiming
from scheduler.worker.direct_starts import DirectStarts
from scheduler.worker.drain import Drain
from scheduler.worker.from_store.claims import Claims
from scheduler.worker.from_store.limited import LimitedClaims
from scheduler.worker.from_store.store_look import STORE_LOOK_S, StoreLook
from scheduler.worker.lease import Lease
from scheduler.worker.local_jobs import LocalJobs
from scheduler.worker.slot_line import SlotLine, SlotTicket
from tests.fakes import FakeClock, MemoryQueue, MemoryStore
from tests.fakes.slots import FakeSlots
from tests.support.workers import NEVER_S, NODE, TASKS


class CountingStore(MemoryStore):
    """Counts how often it is asked for waiting jobs."""

    asked = 0

    async def lines(
        self, *, lane: str = ANYWHERE, after_uid: str = "", limit: int
    ) -> Sequence[Line]:
        self.asked += 1
        return await super().lines(lane=lane, after_uid=after_uid, limit=limit)


async def never(_claimed: object, _ticket: object) -> None:
    """There is no job to be executed."""
    raise AssertionError


async def test_idle_workers_share_one_look_in_the_store() -> None:
    """Thirty-two workers would otherwise ask it six times a second."""
    store, clock, local_jobs = CountingStore(), FakeClock(), LocalJobs()
    lease = Lease(
        NODE,
        store=store,
        clock=clock,
        lease_s=NEVER_S,
        running=lambda: 0,
        on_abort_requested=lambda _: None,
        on_held=lambda _: None,
        on_lost=lambda: None,
        calm=partial(asyncio.sleep, 0),
    )
    await lease.begin()
    async with asyncio.TaskGroup() as group:
        line = SlotLine(cast("Slots", FakeSlots()), number=2, clock=clock, group=group)
        pauses = PauseService(store=store, clock=clock, node_name=NODE.name, nearer=asyncio.Event())
        queue = cast("Any", MemoryQueue())
        claiming = Claiming(
            claims=Claims(
                partial(store.claim_within, quotas=UNLIMITED),
                store=store,
                queue=queue,
                clock=clock,
                lease=lease,
                pauses=pauses,
                limited=LimitedClaims(store=store, tasks=TASKS, quotas=UNLIMITED),
            ),
            queue=queue,
            clock=clock,
            lease=lease,
            local_jobs=local_jobs,
            slot_line=line,
            direct_starts=DirectStarts(lease=lease, local_jobs=local_jobs),
            drain=Drain(),
            store_look=StoreLook(store=store, clock=clock, share_of=equal_shares, pauses=pauses),
            idle_s=lambda: 0.001,
        )

        async def idle(*, ahead: bool = False) -> None:
            with SlotTicket(line) as ticket:
                ticket.ahead = ahead
                if ahead:
                    ticket.enter = _stay  # type: ignore[method-assign]
                await claiming.claim_next(ticket, never)

        for _ in range(3):
            await idle()
        assert store.asked == 1
        clock.advance(STORE_LOOK_S)
        await idle(ahead=True)
        assert store.asked == 1, (
            "a ticket ahead of the slots would take a job that another node could run"
        )
        await idle()
        assert store.asked == 2
        line.close()


async def _stay() -> None:
    """Stay ahead of the slots."""
