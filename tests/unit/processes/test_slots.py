"""Slots: whoever is cancelled while he waits for a process, none is lost and none half retired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any, cast

import pytest

from scheduler.basics.clock import SystemClock
from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.ports.clock import Clock
from scheduler.processes import pool_process, tree
from scheduler.processes.slots import Slots, open_slots
from scheduler.processes.tree import Ended
from tests.fakes import FakeClock
from tests.support.eventually import eventually


class Process:
    """What slots know of a pool process."""

    def __init__(self) -> None:
        self.alive = True
        self.jobs = 0
        self.fault: str | None = None
        self.handlers: tuple[HandlerOptions, ...] = ()
        self.process = self.fork_server = tree.Process(pid=2**22 + 1, started=1)  # nobody's
        self.retiring = asyncio.Event()
        self.may_retire = asyncio.Event()
        self.ended = False

    async def retire(self) -> None:
        self.retiring.set()
        await self.may_retire.wait()

    async def end(self) -> Ended:
        self.alive, self.ended = False, True
        return Ended(1, ())


class Works:
    """Where processes come from, as fast as a test lets them."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.broken = False
        self.fault: str | None = None
        self._may_start = asyncio.Semaphore(0)

    def let_start(self, count: int) -> None:
        for _ in range(count):
            self._may_start.release()

    async def start(self, **_options: object) -> Process:
        await self._may_start.acquire()
        if self.broken:
            raise OSError("out of pids")
        self.started.append(Process())
        self.started[-1].fault = self.fault
        return self.started[-1]

    def close(self) -> None:
        self.let_start(10)
        for process in self.started:
            process.may_retire.set()


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> Works:
    works = Works()
    monkeypatch.setattr(pool_process, "start", works.start)
    return works


def slots_of_one(clock: Clock | None = None) -> AbstractAsyncContextManager[Slots]:
    return open_slots(
        workers=1,
        clock=clock or FakeClock(),
        random=Random(1),  # noqa: S311
        result_bytes_max=1,
        jobs_per_process=1,
        on_started=lambda: None,
    )


@asynccontextmanager
async def opened(works: Works) -> AsyncIterator[Slots]:
    works.let_start(1)
    async with slots_of_one() as slots:
        yield slots
        works.let_start(10)
        await eventually(slots._spare.done)
        works.close()


async def test_a_process_is_kept_until_it_has_run_its_share(works: Works) -> None:
    """Starting one costs; a leaking handler costs, too."""
    async with opened(works) as slots:
        works.let_start(1)
        first = cast("Process", await slots.ready(None))
        assert await slots.ready(cast("Any", first)) is cast("Any", first)
        first.jobs = 1
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(slots.ready(cast("Any", first)))
            await first.retiring.wait()
            first.may_retire.set()
        assert taking.result() is not cast("Any", first)
        assert first.ended


async def test_who_waits_together_gets_a_process_each(works: Works) -> None:
    """The spare can be had once."""
    async with opened(works) as slots, asyncio.TaskGroup() as group:
        takers = [group.create_task(slots.ready(None)) for _ in range(3)]
        await asyncio.sleep(0)
        works.let_start(2)
        got = [await taker for taker in takers]
        assert len(set(got)) == 3


async def test_a_spare_whose_taker_was_aborted_is_there_for_the_next(works: Works) -> None:
    """Nobody else knows of it: it would sit there, unused, for as long as the node lives."""
    async with opened(works) as slots, asyncio.TaskGroup() as group:
        await slots.ready(None)
        aborted = group.create_task(slots.ready(None))
        await asyncio.sleep(0)
        aborted.cancel()
        await asyncio.wait({aborted})
        works.let_start(1)
        assert cast("Any", await slots.ready(None)) is works.started[1]


async def test_a_process_is_retired_whole_though_its_owner_was_aborted(works: Works) -> None:
    """Half retired it would pass for alive, with its channel closed."""
    async with opened(works) as slots, asyncio.TaskGroup() as group:
        works.let_start(1)
        worn = cast("Process", await slots.ready(None))
        worn.jobs = 1
        aborted = group.create_task(slots.ready(cast("Any", worn)))
        await worn.retiring.wait()
        aborted.cancel()
        await asyncio.wait({aborted})
        worn.may_retire.set()
        await eventually(lambda: worn.ended)


async def test_a_spare_that_died_while_it_waited_is_not_given_out(works: Works) -> None:
    """The kernel may have taken it when memory was short."""
    async with opened(works) as slots:
        works.started[0].alive = False
        works.let_start(1)
        assert cast("Any", await slots.ready(None)) is works.started[1]
        assert works.started[0].ended


async def test_what_does_not_come_up_is_not_tried_again_at_the_end(works: Works) -> None:
    """A node that is drained while the machine is out of pids has to end, too."""
    works.let_start(1)
    async with slots_of_one() as slots:
        await slots.ready(None)
        works.close()
        works.broken = True
    assert len(works.started) == 1


async def test_a_first_process_that_does_not_come_up_stops_the_start(works: Works) -> None:
    """Whoever starts the node is watching, and is told why after some tries."""
    works.broken = True
    works.let_start(10)
    with pytest.raises(ExceptionGroup) as stopped:
        async with slots_of_one(SystemClock()):
            pass
    [error] = stopped.value.exceptions
    assert isinstance(error, StartError)
    assert "no pool process comes up (out of pids)" in str(error)


async def test_handlers_that_do_not_load_stop_the_start_at_the_first_try(works: Works) -> None:
    """A second try would find the same files."""
    works.fault = "handlers/bad.py:1: it does not import"
    works.let_start(10)
    with pytest.raises(ExceptionGroup) as stopped:
        async with slots_of_one():
            pass
    [error] = stopped.value.exceptions
    assert isinstance(error, StartError)
    assert str(error) == works.fault
    assert len(works.started) == 1
    assert works.started[0].ended
