"""The line for slots: how many jobs are claimed, and which one gets a free slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from scheduler.processes.slots import Slots
from scheduler.worker import slot_line as module
from scheduler.worker.prefetch import AHEAD_MAX, AHEAD_S, AT_ONCE_S, SHORT_S, STREAK, Prefetch
from scheduler.worker.slot_line import SlotLine, SlotTicket
from tests.fakes import FakeClock
from tests.fakes.slots import FakeProcess, FakeSlots
from tests.support.eventually import eventually


class Line:
    """The line of a node with some slots, and the tickets in it."""

    def __init__(
        self, slot_line: SlotLine, slots: FakeSlots, clock: FakeClock, group: asyncio.TaskGroup
    ) -> None:
        self.slot_line, self.slots, self.clock = slot_line, slots, clock
        self.late: list[SlotTicket] = []
        self._group = group

    async def settle(self) -> None:
        """Let all tasks run until they wait."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def entered(self) -> SlotTicket:
        ticket = self.slot_line.ticket()
        await ticket.enter()
        return ticket

    def entering(self) -> asyncio.Task[SlotTicket]:
        return self._group.create_task(self.entered())

    def waiting(
        self, ticket: SlotTicket, *, fresh: bool = False, uid: str = "u1"
    ) -> asyncio.Task[FakeProcess]:
        async def wait() -> FakeProcess:
            process = await ticket.wait_for_process(
                uid, fresh=fresh, late=lambda: self.late.append(ticket)
            )
            return cast("FakeProcess", process)

        return self._group.create_task(wait())

    def run_short_jobs(self) -> None:
        for _ in range(STREAK):
            self.slot_line.prefetch.ran(for_s=SHORT_S / 2)


@asynccontextmanager
async def line(slots: int = 1) -> AsyncIterator[Line]:
    fake, clock = FakeSlots(), FakeClock()
    async with asyncio.TaskGroup() as group:
        slot_line = SlotLine(cast("Slots", fake), number=slots, clock=clock, group=group)
        there = Line(slot_line, fake, clock, group)
        await there.settle()
        yield there
        slot_line.close()


async def test_as_many_jobs_are_claimed_as_there_are_slots() -> None:
    """To claim more would keep other nodes from those jobs, and gain nothing."""
    async with line(slots=2) as there:
        first, _ = await there.entered(), await there.entered()
        third = there.entering()
        await there.settle()
        assert not third.done()
        first.done()
        await third


async def test_amid_short_jobs_one_more_is_claimed_for_each_slot() -> None:
    async with line(slots=2) as there:
        there.run_short_jobs()
        for _ in range(4):
            await there.entered()
        fifth = there.entering()
        await there.settle()
        assert not fifth.done()
        fifth.cancel()


async def test_tickets_ahead_of_the_slots_enter_together() -> None:
    """A claim of one job costs the node as much as a claim of half a dozen."""
    async with line(slots=4) as there:
        there.run_short_jobs()
        tickets = [await there.entered() for _ in range(7)]
        waits = [there.entering() for _ in range(3)]
        await there.settle()
        assert not any(wait.done() for wait in waits)
        tickets[0].done()
        await there.settle()
        assert sum(wait.done() for wait in waits) == 2
        tickets[1].done()
        tickets[2].done()
        await waits[2]


async def test_tickets_ahead_of_the_slots_are_done_when_store_or_queue_are_away() -> None:
    """Else the first slot would be used again only when most of a hundred pauses are over."""
    async with line(slots=2) as there:
        there.run_short_jobs()
        tickets = [await there.entered() for _ in range(4)]
        for ticket in tickets:
            ticket.failed()
        waits = there.entering()
        await there.settle()
        assert not waits.done()
        tickets[0].done()
        await waits


async def test_without_a_process_for_the_slot_nothing_is_claimed() -> None:
    """The job would be shown as running while the machine has no pid for it."""
    async with line() as there:
        ticket = await there.entered()
        process = await there.waiting(ticket)
        there.slots.open.clear()
        process.die(-9)
        ticket.done()
        waits = there.entering()
        await there.settle()
        assert not waits.done()
        there.slots.open.set()
        await waits


async def test_of_idle_processes_one_is_taken_that_need_not_be_replaced() -> None:
    """Where users do not share processes: a replacement takes longer than a short job."""
    async with line(slots=3) as there:
        there.slots.share_processes = False
        for process, uid in zip(there.slots.given, ("ada", "bob", "eve"), strict=True):
            process.uid = uid
        for uid in ("bob", "ada", "eve"):
            process = await there.waiting(await there.entered(), uid=uid)
            assert process.uid == uid
        assert len(there.slots.given) == 3


async def test_the_first_in_line_gets_the_first_free_slot() -> None:
    """A job claimed ahead does not wait for one worker, whose job may take long."""
    async with line(slots=2) as there:
        there.run_short_jobs()
        tickets = [await there.entered() for _ in range(4)]
        processes = [there.waiting(ticket) for ticket in tickets]
        await there.settle()
        assert [process.done() for process in processes] == [True, True, False, False]
        tickets[1].done()
        await there.settle()
        assert processes[2].result() is processes[1].result()
        tickets[2].done()
        await processes[3]


async def test_a_newcomer_does_not_overtake_a_waiter_that_was_just_served() -> None:
    """Another ticket may come in the very step of the loop in which a slot becomes free."""
    async with line() as there:
        there.run_short_jobs()
        runs, waits = await there.entered(), await there.entered()
        await there.waiting(runs)
        first = there.waiting(waits)
        await there.settle()
        runs.done()
        late = await there.entered()
        second = there.waiting(late)
        await first
        assert not second.done()
        waits.done()
        await second


async def test_a_waiter_that_waits_too_long_is_called_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the node stops claiming ahead: its jobs are long after all."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    async with line() as there:
        there.run_short_jobs()
        runs, waits = await there.entered(), await there.entered()
        await there.waiting(runs)
        waiting = there.waiting(waits)
        await eventually(lambda: there.late == [waits])
        assert not there.slot_line.prefetch.active
        waiting.cancel()


async def test_a_slot_is_not_lost_when_its_taker_is_cancelled() -> None:
    """In one step of the loop the process is passed on, and its taker is cancelled."""
    async with line() as there:
        there.run_short_jobs()
        runs, leaves = await there.entered(), await there.entered()
        await there.waiting(runs)
        leaving = there.waiting(leaves)
        await there.settle()
        runs.done()
        leaving.cancel()
        await there.settle()
        leaves.done()
        await there.waiting(await there.entered())


async def test_an_admission_is_not_lost_when_its_taker_is_cancelled() -> None:
    async with line() as there:
        first = await there.entered()
        leaving, stays = there.entering(), there.entering()
        await there.settle()
        first.done()
        leaving.cancel()
        await stays


async def test_a_process_is_not_used_again_when_its_taker_is_cancelled_before_it_is_ready() -> None:
    """It may be half retired."""
    async with line() as there:
        runs = await there.entered()
        old = await there.waiting(runs)
        old.jobs = 1
        runs.done()
        there.slots.open.clear()
        ticket = await there.entered()
        fresh = there.waiting(ticket, fresh=True)
        await there.settle()
        fresh.cancel()
        await there.settle()
        ticket.done()
        there.slots.open.set()
        assert await there.waiting(await there.entered()) is not old


def test_prefetch_is_active_amid_many_short_jobs_that_waited_already() -> None:
    """A long job, or an id that did not wait already, ends that."""
    prefetch = Prefetch()
    for _ in range(STREAK):
        assert not prefetch.active
        prefetch.ran(for_s=SHORT_S / 2)
    assert prefetch.active
    prefetch.waited(AT_ONCE_S / 2)
    assert prefetch.active
    prefetch.waited(AT_ONCE_S * 2)
    assert not prefetch.active
    for _ in range(STREAK):
        prefetch.ran(for_s=0)
    prefetch.ran(for_s=SHORT_S)
    assert not prefetch.active


def test_the_shorter_the_jobs_the_more_are_claimed_ahead_up_to_a_limit() -> None:
    """So claims share commits even on a node with two slots, and no job waits for long."""
    ahead = []
    for took_s in (SHORT_S / 2, AHEAD_S / 4, 0):
        prefetch = Prefetch()
        for _ in range(1000):
            prefetch.ran(for_s=took_s)
        ahead.append(prefetch.ahead(3))
    assert ahead == [3, 12, AHEAD_MAX]
    assert prefetch.ahead(2 * AHEAD_MAX) == 2 * AHEAD_MAX


async def test_ahead_of_the_slots_only_ids_that_wait_already_are_taken() -> None:
    """An id that comes later is for a free slot: else a waiting job would show as running."""
    idle_s = 7.0
    async with line(slots=2) as there:
        there.run_short_jobs()
        waits = [(await there.entered()).wait_s(idle_s) for _ in range(4)]
    assert waits == [idle_s, idle_s, 2 * AT_ONCE_S, 2 * AT_ONCE_S]


async def test_idle_processes_with_old_handlers_are_replaced() -> None:
    """Else they would keep their memory on an idle node, and the next jobs would wait."""
    async with line(slots=2) as there:
        there.slots.switch()
        await there.settle()
        assert len(there.slots.given) == 4
        ticket = await there.entered()
        assert await there.waiting(ticket) in there.slots.given[2:]
