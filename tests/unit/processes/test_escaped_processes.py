"""The looks for escaped processes: aborts that meet share them, and each is after its own kill."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scheduler.processes import tree
from scheduler.processes.escaped_processes import EscapedProcesses
from scheduler.processes.tree import Ended, Process
from tests.support.eventually import eventually

FORK_SERVER = Process(pid=2**22 + 1, started=1)
ESCAPED = Process(pid=2**22 + 2, started=1)
NOTHING = Ended(frozenset(), ())


class Looks:
    """Looks that end when the test lets them."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = False
        self.met = frozenset({ESCAPED})
        self.may_end = threading.Semaphore(0)

    def end_all_below(self, _ancestor: Process, **_: object) -> Ended:
        self.begun += 1
        self.may_end.acquire()
        if self.fails:
            raise OSError("no more files")
        return Ended(self.met, ())


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    looks = Looks()
    monkeypatch.setattr(tree, "end_all_below", looks.end_all_below)
    monkeypatch.setattr(tree, "lives", lambda _: True)
    monkeypatch.setattr(tree, "send", lambda *_: None)
    return looks


@pytest.fixture
def escaped(looks: Looks) -> Iterator[EscapedProcesses]:
    with ThreadPoolExecutor(4) as threads:
        yield EscapedProcesses(threads)
        looks.may_end.release(100)


async def test_those_who_ask_before_a_look_begins_share_it(
    escaped: EscapedProcesses, looks: Looks
) -> None:
    """A hundred aborts would else look a hundred times, one after the other."""
    async with asyncio.TaskGroup() as group:
        first = group.create_task(escaped.end(FORK_SERVER))
        await eventually(lambda: looks.begun)
        others = [group.create_task(escaped.end(FORK_SERVER)) for _ in range(99)]
        await asyncio.sleep(0)
        looks.may_end.release(2)

    assert looks.begun == 2, "the one that was under way may have missed what they killed"
    met = [each.result().met for each in (first, *others)]
    assert met == [{ESCAPED}, {ESCAPED}, *(98 * [set()])], "it is told to one of them"


async def test_what_another_look_met_is_not_lost(escaped: EscapedProcesses, looks: Looks) -> None:
    """The watch's, or that of another abort: its job looks a moment later, and meets nothing."""
    looks.may_end.release(2)
    await escaped.end(FORK_SERVER)
    looks.met = frozenset()
    await escaped.end(FORK_SERVER)
    assert escaped.claim() == {ESCAPED}
    assert not escaped.claim(), "by one job only"


async def test_what_was_met_below_its_job_is_of_no_other(
    escaped: EscapedProcesses, looks: Looks
) -> None:
    """It was killed there, and got another parent while it was dying."""
    looks.may_end.release()
    await escaped.end(FORK_SERVER)
    escaped.disclaim(frozenset({ESCAPED}))
    assert not escaped.claim()


async def test_a_look_that_failed_does_for_nobody(escaped: EscapedProcesses, looks: Looks) -> None:
    looks.fails = True
    looks.may_end.release(2)
    answers = await asyncio.gather(  # noqa: TID251 - both may fail
        escaped.end(FORK_SERVER), escaped.end(FORK_SERVER), return_exceptions=True
    )
    assert [type(each) for each in answers] == [OSError, OSError]


async def test_a_look_below_another_fork_server_does_not_do(
    escaped: EscapedProcesses, looks: Looks
) -> None:
    other = Process(pid=2**22 + 3, started=1)
    looks.may_end.release(2)
    async with asyncio.TaskGroup() as group:
        ends = [group.create_task(escaped.end(each)) for each in (FORK_SERVER, other)]
    assert looks.begun == 2
    assert NOTHING not in [each.result() for each in ends]
