"""SlotLine: how many jobs are in hand, and who gets the slot that is free."""

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
    """The slot_line of a node with some slots, and those who want one."""

    def __init__(
        self, slot_line: SlotLine, slots: FakeSlots, clock: FakeClock, group: asyncio.TaskGroup
    ) -> None:
        self.slot_line, self.slots, self.clock = slot_line, slots, clock
        self.late: list[SlotTicket] = []
        self._group = group

    async def settle(self) -> None:
        """Let everybody go as far as they come."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def entered(self) -> SlotTicket:
        ticket = self.slot_line.ticket()
        await ticket.enter()
        return ticket

    def entering(self) -> asyncio.Task[SlotTicket]:
        return self._group.create_task(self.entered())

    def waiting(self, ticket: SlotTicket, *, fresh: bool = False) -> asyncio.Task[FakeProcess]:
        async def wait() -> FakeProcess:
            process = await ticket.wait_for_process(
                fresh=fresh, late=lambda: self.late.append(ticket)
            )
            return cast("FakeProcess", process)

        return self._group.create_task(wait())

    def quicken(self) -> None:
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


async def test_as_many_jobs_are_in_hand_as_there_are_slots() -> None:
    """What is claimed beyond that would keep other nodes from it, and gain nothing."""
    async with line(slots=2) as there:
        first, _ = await there.entered(), await there.entered()
        third = there.entering()
        await there.settle()
        assert not third.done()
        first.done()
        await third


async def test_at_a_quick_pace_there_is_one_more_for_each_slot() -> None:
    async with line(slots=2) as there:
        there.quicken()
        for _ in range(4):
            await there.entered()
        fifth = there.entering()
        await there.settle()
        assert not fifth.done()
        fifth.cancel()


async def test_who_comes_in_ahead_comes_with_others() -> None:
    """A claim for one costs the node as much as one for half a dozen."""
    async with line(slots=4) as there:
        there.quicken()
        slot_line = [await there.entered() for _ in range(7)]
        waits = [there.entering() for _ in range(3)]
        await there.settle()
        assert not any(wait.done() for wait in waits)
        slot_line[0].done()
        await there.settle()
        assert sum(wait.done() for wait in waits) == 2
        slot_line[1].done()
        slot_line[2].done()
        await waits[2]


async def test_who_is_ahead_leaves_where_store_or_queue_are_away() -> None:
    """Else the first slot could be used again when most of a hundred pauses are over."""
    async with line(slots=2) as there:
        there.quicken()
        slot_line = [await there.entered() for _ in range(4)]
        for ticket in slot_line:
            ticket.failed()
        waits = there.entering()
        await there.settle()
        assert not waits.done()
        slot_line[0].done()
        await waits


async def test_without_a_process_nothing_is_taken_in_hand() -> None:
    """It would be shown as running while the machine has no pid for it."""
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


async def test_the_first_in_line_gets_whichever_slot_is_free_first() -> None:
    """Claimed ahead, a job waits for no worker in particular: one of them may be at it for long."""
    async with line(slots=2) as there:
        there.quicken()
        slot_line = [await there.entered() for _ in range(4)]
        processes = [there.waiting(ticket) for ticket in slot_line]
        await there.settle()
        assert [process.done() for process in processes] == [True, True, False, False]
        slot_line[1].done()
        await there.settle()
        assert processes[2].result() is processes[1].result()
        slot_line[2].done()
        await processes[3]


async def test_nobody_overtakes_who_was_told_but_has_not_gone_yet() -> None:
    """In the ticket of the loop in which a slot becomes free, somebody else may come."""
    async with line() as there:
        there.quicken()
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


async def test_who_waits_in_line_for_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the node stops to claim ahead: its jobs are long after all."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.01)
    async with line() as there:
        there.quicken()
        runs, waits = await there.entered(), await there.entered()
        await there.waiting(runs)
        waiting = there.waiting(waits)
        await eventually(lambda: there.late == [waits])
        assert not there.slot_line.prefetch.quick
        waiting.cancel()


async def test_a_slot_is_not_lost_with_who_leaves_as_it_comes() -> None:
    """Both in one ticket of the loop: the process is handed on, and then its taker is cancelled."""
    async with line() as there:
        there.quicken()
        runs, leaves = await there.entered(), await there.entered()
        await there.waiting(runs)
        leaving = there.waiting(leaves)
        await there.settle()
        runs.done()
        leaving.cancel()
        await there.settle()
        leaves.done()
        await there.waiting(await there.entered())


async def test_a_place_is_not_lost_with_who_leaves_as_it_comes() -> None:
    async with line() as there:
        first = await there.entered()
        leaving, stays = there.entering(), there.entering()
        await there.settle()
        first.done()
        leaving.cancel()
        await stays


async def test_a_process_that_is_cancelled_for_on_its_way_is_not_used_again() -> None:
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


def test_the_pace_is_quick_amid_many_short_jobs_that_waited_already() -> None:
    """A long one, or an id that had to be waited for, and claims need not be ready any more."""
    prefetch = Prefetch()
    for _ in range(STREAK):
        assert not prefetch.quick
        prefetch.ran(for_s=SHORT_S / 2)
    assert prefetch.quick
    prefetch.fetched(within_s=AT_ONCE_S / 2)
    assert prefetch.quick
    prefetch.fetched(within_s=AT_ONCE_S * 2)
    assert not prefetch.quick
    for _ in range(STREAK):
        prefetch.ran(for_s=0)
    prefetch.ran(for_s=SHORT_S)
    assert not prefetch.quick


def test_the_shorter_the_jobs_the_further_ahead_within_a_bound() -> None:
    """So that claims share commits even on a node of two slots, and none waits for long."""
    ahead = []
    for took_s in (SHORT_S / 2, AHEAD_S / 4, 0):
        prefetch = Prefetch()
        for _ in range(1000):
            prefetch.ran(for_s=took_s)
        ahead.append(prefetch.ahead(3))
    assert ahead == [3, 12, AHEAD_MAX]
    assert prefetch.ahead(2 * AHEAD_MAX) == 2 * AHEAD_MAX


async def test_ahead_of_the_slots_only_what_is_there_at_once_is_waited_for() -> None:
    """An id that comes later is for who has a slot: its user would see a job run that does not."""
    idle_s = 7.0
    async with line(slots=2) as there:
        there.quicken()
        waits = [(await there.entered()).wait_s(idle_s) for _ in range(4)]
    assert waits == [idle_s, idle_s, 2 * AT_ONCE_S, 2 * AT_ONCE_S]
