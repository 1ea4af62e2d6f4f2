"""Slots: when a waiter is cancelled, no process is lost, and none is half retired."""

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
from scheduler.processes import slots as slots_module
from scheduler.processes.escaped_processes import EscapedProcesses
from scheduler.processes.lot import LOT_MAX
from scheduler.processes.slots import Slots, open_slots
from scheduler.processes.tree import Ended
from tests.fakes import FakeClock
from tests.support.eventually import eventually


class Process:
    """The part of a pool process that slots use."""

    def __init__(self, generation: object = None) -> None:
        self.generation = generation
        self.alive = True
        self.intruded = False
        self.jobs = 0
        self.uid: str | None = None
        self.left = None
        self.fault: str | None = None
        self.tasks: dict[str, HandlerOptions] = {}
        self.process = self.fork_server = tree.Process(
            pid=2**22 + 1, started=1
        )  # of no real process
        self.taken_back = False
        self.retiring = asyncio.Event()
        self.may_retire = asyncio.Event()
        self.ended = False

    def take_back(self) -> None:
        self.taken_back = True

    async def retire(self) -> None:
        self.retiring.set()
        await self.may_retire.wait()

    async def end(self) -> Ended:
        self.alive, self.ended = False, True
        return Ended(frozenset({self.process}), ())


class Starter:
    """Starts processes, as fast as the test allows."""

    def __init__(self) -> None:
        self.started: list[Process] = []
        self.broken = False
        self.fault: str | None = None
        self.tasks: dict[str, HandlerOptions] = {}
        self._may_start = asyncio.Semaphore(0)

    def let_start(self, count: int) -> None:
        for _ in range(count):
            self._may_start.release()

    async def start(self, generation: object, **_options: object) -> Process:
        await self._may_start.acquire()
        if self.broken:
            raise OSError("out of pids")
        self.started.append(Process(generation))
        self.started[-1].fault = self.fault
        self.started[-1].tasks = self.tasks
        return self.started[-1]

    def close(self) -> None:
        self.let_start(10)
        for process in self.started:
            process.may_retire.set()


@pytest.fixture
def starter(monkeypatch: pytest.MonkeyPatch) -> Starter:
    starter = Starter()
    monkeypatch.setattr(pool_process, "start", starter.start)
    return starter


def slots_of_one(
    clock: Clock | None = None, *, jobs_per_process: int = 1, share_processes: bool = True
) -> AbstractAsyncContextManager[Slots]:
    return open_slots(
        workers=1,
        clock=clock or FakeClock(),
        random=Random(1),  # noqa: S311
        result_bytes_max=1,
        jobs_per_process=jobs_per_process,
        share_processes=share_processes,
        on_started=lambda: None,
    )


@asynccontextmanager
async def opened(
    starter: Starter, *, jobs_per_process: int = 1, share_processes: bool = True
) -> AsyncIterator[Slots]:
    starter.let_start(1)
    async with slots_of_one(
        jobs_per_process=jobs_per_process, share_processes=share_processes
    ) as slots:
        yield slots
        starter.let_start(10)
        await eventually(slots._spare.done)
        starter.close()


async def test_a_process_is_used_until_it_has_run_its_share_of_jobs(starter: Starter) -> None:
    """Starting a process costs time; a handler that leaks costs memory."""
    async with opened(starter) as slots:
        starter.let_start(1)
        first = cast("Process", await slots.ready(None))
        assert await slots.ready(cast("Any", first)) is cast("Any", first)
        first.jobs = 1
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(slots.ready(cast("Any", first)))
            await first.retiring.wait()
            first.may_retire.set()
        assert taking.result() is not cast("Any", first)
        assert first.ended


async def test_a_process_is_replaced_for_another_user_where_they_do_not_share(
    starter: Starter,
) -> None:
    """Also one whose first job was taken back: it has got the job's data."""
    async with opened(starter, jobs_per_process=0, share_processes=False) as slots:
        starter.let_start(1)
        first = await slots.ready(None, uid="ada")
        first.uid = "ada"
        assert await slots.ready(first, uid="ada") is first
        assert await slots.ready(first) is first, "no user is known yet"
        assert (slots.room(first, "ada"), slots.room(first, "bob")) == (LOT_MAX, 0)
        cast("Process", first).may_retire.set()
        assert await slots.ready(first, uid="bob") is not first
        assert cast("Process", first).ended


async def test_a_process_is_kept_for_another_user_where_they_share(starter: Starter) -> None:
    async with opened(starter, jobs_per_process=0) as slots:
        first = await slots.ready(None, uid="ada")
        first.uid = "ada"
        assert await slots.ready(first, uid="bob") is first


async def test_a_process_that_is_met_twice_counts_once(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed below a pool process that was just exiting, and still dying below the fork server."""
    child = tree.Process(pid=2**22 + 2, started=1)

    async def met_below_the_process() -> Ended:
        return Ended(frozenset({child}), (), held=False)

    async def met_below_the_fork_server(*_: object) -> Ended:
        return Ended(frozenset({child}), ())

    async with opened(starter) as slots:
        process = await slots.ready(None)
        with monkeypatch.context() as patch:
            patch.setattr(EscapedProcesses, "end", met_below_the_fork_server)
            patch.setattr(process, "end", met_below_the_process)
            ended = await slots.end(process)
        assert ended.processes == 1


async def test_processes_start_once_none_is_being_ended(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start takes a core for 9 ms, for which the user of an abort would wait."""
    monkeypatch.setattr(slots_module, "CALM_S", 3600.0)
    async with opened(starter) as slots, asyncio.TaskGroup() as group:
        process = cast("Process", await slots.ready(None))
        may_end = asyncio.Event()

        async def end() -> Ended:
            await may_end.wait()
            return Ended(frozenset(), ())

        monkeypatch.setattr(process, "end", end)
        ends = [group.create_task(slots.end(cast("Any", process))) for _ in range(2)]
        await asyncio.sleep(0)
        starter.let_start(2)
        await slots.ready(None)  # the spare, which was being started before
        taking = group.create_task(slots.ready(None))
        await asyncio.sleep(0.01)
        assert not taking.done()
        may_end.set()
        assert cast("Any", await taking) is starter.started[2]
        await asyncio.wait(ends)


async def test_no_process_starts_while_the_user_of_an_abort_waits(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt is written and answered after the end: a start beside that doubles its time."""
    monkeypatch.setattr(slots_module, "CALM_S", 3600.0)
    monkeypatch.setattr(slots_module, "ANSWER_S", 0.1)
    loop = asyncio.get_running_loop()
    async with opened(starter) as slots:
        await slots.stop(await slots.ready(None))
        stopped_at = loop.time()
        starter.let_start(2)
        await slots.ready(None)  # the spare, which was being started before
        await slots.ready(None)
        assert loop.time() - stopped_at > 0.09


async def test_processes_that_take_long_to_end_hold_up_no_start_for_long(
    starter: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stuck in the kernel may never end."""
    monkeypatch.setattr(slots_module, "CALM_S", 0.01)
    async with opened(starter) as slots:
        slots._calm.clear()
        starter.let_start(2)
        for _ in range(3):
            await slots.ready(None)


async def test_several_that_wait_get_a_process_each(starter: Starter) -> None:
    """The spare can be taken only once."""
    async with opened(starter) as slots, asyncio.TaskGroup() as group:
        takers = [group.create_task(slots.ready(None)) for _ in range(3)]
        await asyncio.sleep(0)
        starter.let_start(2)
        got = [await taker for taker in takers]
        assert len(set(got)) == 3


async def test_a_spare_whose_taker_was_cancelled_goes_to_the_next(starter: Starter) -> None:
    """Nothing else refers to it: it would stay unused for as long as the node lives."""
    async with opened(starter) as slots, asyncio.TaskGroup() as group:
        await slots.ready(None)
        cancelled = group.create_task(slots.ready(None))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait({cancelled})
        starter.let_start(1)
        assert cast("Any", await slots.ready(None)) is starter.started[1]


async def test_a_process_is_fully_retired_though_its_owner_was_cancelled(starter: Starter) -> None:
    """Half retired, it would count as alive with its channel closed."""
    async with opened(starter) as slots, asyncio.TaskGroup() as group:
        starter.let_start(1)
        worn = cast("Process", await slots.ready(None))
        worn.jobs = 1
        cancelled = group.create_task(slots.ready(cast("Any", worn)))
        await worn.retiring.wait()
        cancelled.cancel()
        await asyncio.wait({cancelled})
        worn.may_retire.set()
        await eventually(lambda: worn.ended)


async def test_a_spare_that_died_while_it_waited_is_not_given_out(starter: Starter) -> None:
    """The kernel may have taken it when memory was short."""
    async with opened(starter) as slots:
        starter.started[0].alive = False
        starter.let_start(1)
        assert cast("Any", await slots.ready(None)) is starter.started[1]
        assert starter.started[0].ended


async def test_a_process_that_does_not_start_is_not_tried_again_while_slots_close(
    starter: Starter,
) -> None:
    """A node that drains while the machine is out of pids must end, too."""
    starter.let_start(1)
    async with slots_of_one() as slots:
        await slots.ready(None)
        starter.close()
        starter.broken = True
    assert len(starter.started) == 1


async def test_a_machine_out_of_pids_only_delays_the_next_process(starter: Starter) -> None:
    """The node has slots to fill for as long as it runs."""
    starter.let_start(1)
    clock = FakeClock()
    async with slots_of_one(clock) as slots:
        first = cast("Process", await slots.ready(None))
        first.may_retire.set()
        starter.broken = True
        starter.let_start(3)
        await clock.pass_until(starter._may_start.locked)
        starter.broken = False
        starter.let_start(1)
        await clock.pass_until(lambda: len(starter.started) == 2)
        starter.close()


async def test_a_first_process_that_does_not_start_stops_the_start_of_the_node(
    starter: Starter,
) -> None:
    """A person who starts the node is watching, and sees the reason after some tries."""
    starter.broken = True
    starter.let_start(10)
    with pytest.raises(ExceptionGroup) as stopped:
        async with slots_of_one(SystemClock()):
            pass
    [error] = stopped.value.exceptions
    assert isinstance(error, StartError)
    assert "no pool process comes up (out of pids)" in str(error)


async def test_handlers_that_do_not_load_stop_the_start_at_the_first_try(starter: Starter) -> None:
    """A second try would find the same files."""
    starter.fault = "handlers/bad.py:1: it does not import"
    starter.let_start(10)
    with pytest.raises(ExceptionGroup) as stopped:
        async with slots_of_one():
            pass
    [error] = stopped.value.exceptions
    assert isinstance(error, StartError)
    assert str(error) == starter.fault
    assert len(starter.started) == 1
    assert starter.started[0].ended
