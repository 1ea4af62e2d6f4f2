"""An id that comes in the same turn of the loop as the end of the wait for it."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from scheduler.queue.dequeuer import Dequeuer
from scheduler.queue.keys import Keys

NOBODY = cast("Any", None)
"""The server, which these tests do not use."""

WAIT_S = 0.1


@pytest.fixture
def dequeuer() -> Dequeuer:
    return Dequeuer(NOBODY, NOBODY, keys=Keys("test"), node_id="a")


async def test_an_id_that_comes_as_the_wait_expires_is_not_lost(dequeuer: Dequeuer) -> None:
    """Both callbacks run in one turn: first the id comes, then the wait expires."""
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(dequeuer.take(wait_s=WAIT_S, limit=1))
        await asyncio.sleep(0)
        loop.call_at(loop.time() + WAIT_S / 2, dequeuer._deliver, ["1"])
        time.sleep(2 * WAIT_S)  # noqa: ASYNC251 - both are due when the loop goes on

    assert worker.result() == ["1"]


async def test_an_id_that_comes_as_its_worker_is_cancelled_goes_to_the_next(
    dequeuer: Dequeuer,
) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(dequeuer.take(wait_s=60, limit=1))
        second = group.create_task(dequeuer.take(wait_s=60, limit=1))
        await asyncio.sleep(0)
        dequeuer._deliver(["1"])
        first.cancel()

    assert first.cancelled()
    assert second.result() == ["1"]


async def test_an_id_that_comes_as_the_last_worker_is_cancelled_is_a_stray(
    dequeuer: Dequeuer,
) -> None:
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(dequeuer.take(wait_s=60, limit=1))
        await asyncio.sleep(0)
        dequeuer._held.add("1/u1")
        dequeuer._deliver(["1"])
        worker.cancel()

    assert not dequeuer._held, "the next round returns it to the queue"
    assert dequeuer._wake.is_set(), "and begins at once"


@pytest.mark.parametrize(
    ("ids", "limits", "shares"),
    [
        (4, [20, 20], [2, 2]),
        (3, [20, 20], [2, 1]),
        (1, [20, 20], [1, 0]),
        (40, [20, 20], [20, 20]),
        (21, [20, 1], [20, 1]),
        (21, [1, 20], [1, 20]),
    ],
)
async def test_workers_share_the_ids_that_wait(
    dequeuer: Dequeuer, ids: int, limits: list[int], shares: list[int]
) -> None:
    """A worker that takes few jobs, and leaves none to an idle slot beside it, is no use."""
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(dequeuer.take(wait_s=0.05, limit=each)) for each in limits]
        await asyncio.sleep(0)
        dequeuer._deliver([str(number) for number in range(ids)])

    taken = [worker.result() for worker in workers]
    assert [len(each) for each in taken] == shares
    assert [each for some in taken for each in some] == [str(number) for number in range(ids)]
