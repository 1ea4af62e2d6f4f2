"""Slots whose handlers are loaded anew: which processes run jobs, and which end when."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextvars import copy_context
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.processes.generation import HANDLERS, Generation
from scheduler.processes.pool_process import PoolProcess
from scheduler.processes.slots import Slots
from tests.support.eventually import eventually
from tests.unit.processes.test_slots import Process, Starter, opened, starter

__all__ = ["starter"]

NEW = HandlerOptions(name="new")


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    """One whose snapshot is in a folder of its own."""
    (tmp_path / "handlers" / "path").mkdir(parents=True)
    return Generation.next(tmp_path / "handlers" / "path")


async def ignore(_names: Sequence[str]) -> None:
    """Tell nobody."""


def real(process: Process) -> PoolProcess:
    return cast("PoolProcess", process)


async def load(slots: Slots, starter: Starter, generation: Generation) -> Process:
    """Load handlers anew; the process that was tried."""
    starter.tasks = {"new": NEW}
    starter.let_start(1)
    await slots.load(generation, announce=ignore)
    return starter.started[-1]


async def test_after_a_load_only_new_processes_run_jobs(
    starter: Starter, generation: Generation
) -> None:
    """Also those that were idle, and the spare."""
    async with opened(starter) as slots:
        starter.let_start(1)
        idle = await slots.ready(None)
        await eventually(slots._spare.done)
        tasks, spare = slots.tasks, starter.started[-1]
        switched = list[int]()
        slots.on_switched = lambda: switched.append(slots.room(idle))

        tried = await load(slots, starter, generation)

        assert switched == [0]
        assert slots.tasks is tasks  # others look there, too
        assert tasks == {"new": NEW}
        assert (slots.room(idle), slots.usable(idle), slots.usable(real(tried))) == (0, False, True)
        starter.let_start(1)
        for process in starter.started:
            process.may_retire.set()
        assert cast("Process", await slots.ready(idle)) is tried
        await eventually(lambda: spare.ended and cast("Process", idle).ended)


async def test_no_further_job_of_a_lot_begins_in_an_old_process(
    starter: Starter, generation: Generation
) -> None:
    """Who has read that the new handlers are loaded counts on it."""
    async with opened(starter) as slots:
        starter.let_start(1)
        busy = cast("Process", await slots.ready(None))
        await load(slots, starter, generation)
        assert busy.taken_back


async def test_others_learn_of_new_handlers_before_they_are_used(
    starter: Starter, generation: Generation
) -> None:
    """A job that is submitted at once must not be ended by a node that knows nothing of them."""
    async with opened(starter) as slots:
        announced: list[tuple[Sequence[str], Sequence[str]]] = []

        async def announce(names: Sequence[str]) -> None:
            announced.append((names, tuple(slots.tasks)))

        starter.tasks = {"new": NEW}
        starter.let_start(1)
        await slots.load(generation, announce=announce)
        assert announced == [(["new"], ())]


async def test_handlers_that_do_not_load_change_nothing(
    starter: Starter, generation: Generation
) -> None:
    async with opened(starter) as slots:
        starter.let_start(1)
        process = await slots.ready(None)
        await eventually(slots._spare.done)
        spare, starter.fault = slots._spare, "handlers/a.py:1: it does not import"
        starter.let_start(1)

        with pytest.raises(StartError, match=r"a\.py:1: it does not import"):
            await slots.load(generation, announce=ignore)

        assert slots.usable(process)
        assert slots._spare is spare
        assert starter.started[-1].ended
        assert generation.path is not None
        assert not generation.path.parent.exists()


async def test_a_folder_without_a_handler_is_not_taken_for_the_handlers(
    starter: Starter, generation: Generation
) -> None:
    """It is more likely just being replaced; and all queued jobs would end."""
    async with opened(starter) as slots:
        starter.let_start(1)
        process = await slots.ready(None)
        await eventually(slots._spare.done)
        starter.let_start(1)
        with pytest.raises(StartError, match="no file in the handlers folder has a @handler"):
            await slots.load(generation, announce=ignore)
        assert slots.usable(process)
        assert starter.started[-1].ended


async def test_a_load_that_hangs_is_ended_where_it_is_cancelled(
    starter: Starter, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that drains does not wait a minute for a file that waits for ever."""
    loop = asyncio.get_running_loop()

    def kill(_: Generation) -> None:
        starter.broken = True
        loop.call_soon_threadsafe(starter.let_start, 1)

    async with opened(starter) as slots:
        starter.let_start(1)
        process = await slots.ready(None)
        await eventually(slots._spare.done)
        monkeypatch.setattr(Generation, "kill", kill)
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(slots.load(generation, announce=ignore))
            await eventually(lambda: generation.starting)
            loading.cancel()
        assert slots.usable(process)
        assert generation.abandoned
        starter.broken = False


async def test_an_old_generation_ends_with_its_last_process(
    starter: Starter, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before: its fork server adopts what the jobs in it leave behind."""
    ended: list[Generation] = []

    def note(generation: Generation) -> None:
        ended.append(generation)

    monkeypatch.setattr(Generation, "end", note)
    async with opened(starter) as slots:
        starter.let_start(1)
        busy = await slots.ready(None)
        old = slots._generation
        await load(slots, starter, generation)
        for process in starter.started:
            process.may_retire.set()
        await eventually(lambda: not slots._retiring)
        await slots._end_unused()
        assert not ended
        await slots.end(busy)
        await slots._end_unused()
        assert ended == [old]


def test_each_generation_is_forked_by_its_own_fork_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever order they begin and end in: one may wait for its fork server for long."""
    monkeypatch.setenv(HANDLERS, "/old")
    asked = list[str]()

    def server(name: str) -> SimpleNamespace:
        def connect(_: object) -> tuple[int, int]:
            asked.append(name)
            return (0, 0)

        return SimpleNamespace(
            set_forkserver_preload=lambda _: None,
            ensure_running=lambda: asked.append(os.environ[HANDLERS]),
            connect_to_new_process=connect,
        )

    old = Generation(Path("/old"), server=server("old"))
    new = Generation(Path("/new"), server=server("new"))

    def fork(which: Generation) -> None:
        with which.forking():
            forkserver.connect_to_new_process([])

    with new.forking():
        contexts = [copy_context(), copy_context()]
    contexts[0].run(fork, old)
    contexts[1].run(forkserver.connect_to_new_process, [])

    assert asked == ["/old", "old", "/new", "new"]
    assert os.environ[HANDLERS] == "/old"
