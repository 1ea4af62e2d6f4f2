"""A pool process that is ended by several at once: a stop, a retirement, the end of its node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from unittest.mock import Mock

import pytest

from scheduler.processes import shared_memory, tree
from scheduler.processes.pool_process import PoolProcess

SLOW_S = 0.05
NOBODY = tree.Process(pid=2**22 + 1, started=1)
ENDED = tree.Ended(frozenset({NOBODY}), ())


class Handle:
    """What multiprocessing knows of the process: it can be asked until it is closed, once."""

    def __init__(self) -> None:
        self.closed = 0

    @property
    def exitcode(self) -> int:
        assert not self.closed
        time.sleep(SLOW_S)
        return 0

    def close(self) -> None:
        self.closed += 1


class Executor:
    """Is shut down by one thread at a time."""

    def __init__(self) -> None:
        self._busy = False

    def shutdown(self, **_: object) -> None:
        assert not self._busy
        self._busy = True
        time.sleep(SLOW_S)
        self._busy = False


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(shared_memory, "entries", frozenset)
    monkeypatch.setattr(shared_memory, "used_by", lambda *_, **__: frozenset())
    monkeypatch.setattr(tree, "end", lambda _: ENDED)
    monkeypatch.setattr(tree, "send", lambda *_: None)
    with ThreadPoolExecutor(4) as threads:
        yield threads


def pool_process(threads: ThreadPoolExecutor, *, handle: object = None) -> PoolProcess:
    process = PoolProcess(
        generation=Mock(),
        executor=cast("Any", Executor()),
        handle=cast("Any", handle or Handle()),
        threads=threads,
        death=asyncio.get_running_loop().create_future(),
        connection=Mock(),
        channel=Mock(),
        pipes=Mock(),
        lot_pipes=Mock(),
    )
    process.process = process.fork_server = NOBODY
    return process


@pytest.mark.parametrize("jobs", [1, 2])
async def test_what_is_left_of_a_lot_is_taken_back_but_no_job_that_was_sent_alone(
    threads: ThreadPoolExecutor, jobs: int
) -> None:
    """That one has begun for whoever sent it, also while its token is still there."""
    process = pool_process(threads)
    cast("Mock", process._lot_pipes).configure_mock(
        **{"take_back.return_value": 1, "ends.return_value": ()}
    )
    lot = process.begin(
        [{"id": str(each), "uid": "u1"} for each in range(jobs)], [Mock()] * jobs, on_change=Mock()
    )
    process.take_back()
    assert lot.begun == 1


async def test_it_is_ended_once_however_many_end_it(threads: ThreadPoolExecutor) -> None:
    """A node that drains retires all processes, among them one that is being retired."""
    handle = Handle()
    process = pool_process(threads, handle=handle)

    async with asyncio.TaskGroup() as group:
        group.create_task(process.retire())
        ends = [group.create_task(process.end()) for _ in range(2)]

    assert [end.result() for end in ends] == [ENDED, ENDED]
    assert (await process.end(), handle.closed, process.exit_status) == (ENDED, 1, 0)
