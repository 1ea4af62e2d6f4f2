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
        worker = group.create_task(dequeuer.take(wait_s=WAIT_S))
        await asyncio.sleep(0)
        loop.call_at(loop.time() + WAIT_S / 2, dequeuer._deliver, "1")
        time.sleep(2 * WAIT_S)  # noqa: ASYNC251 - both are due when the loop goes on

    assert worker.result() == "1"


async def test_an_id_that_comes_as_its_worker_is_cancelled_goes_to_the_next(
    dequeuer: Dequeuer,
) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(dequeuer.take(wait_s=60))
        second = group.create_task(dequeuer.take(wait_s=60))
        await asyncio.sleep(0)
        dequeuer._deliver("1")
        first.cancel()

    assert first.cancelled()
    assert second.result() == "1"


async def test_an_id_that_comes_as_the_last_worker_is_cancelled_is_a_stray(
    dequeuer: Dequeuer,
) -> None:
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(dequeuer.take(wait_s=60))
        await asyncio.sleep(0)
        dequeuer._held["1"] += 1
        dequeuer._deliver("1")
        worker.cancel()

    assert not dequeuer._held, "the next round returns it to the queue"
    assert dequeuer._wake.is_set(), "and begins at once"
