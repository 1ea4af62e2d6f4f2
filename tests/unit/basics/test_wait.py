"""A wait that another task may end: that ends the wait, and nothing else."""

from __future__ import annotations

import asyncio

from scheduler.basics.wait import Wait

LONG_S = 3600.0


async def test_the_block_is_left_where_it_waits() -> None:
    wait, left = Wait(), []

    async def work() -> None:
        with wait:
            await asyncio.sleep(LONG_S)
            left.append("the end of the block")
        left.append("what follows")
        await asyncio.sleep(0)  # a later wait is not ended
        left.append("the end")

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        await asyncio.sleep(0)
        wait.end()
        wait.end()
    assert left == ["what follows", "the end"]


async def test_before_and_after_the_block_nothing_is_ended() -> None:
    wait = Wait()
    wait.end()
    with wait:
        await asyncio.sleep(0)
    wait.end()
    await asyncio.sleep(0)


async def test_a_cancellation_from_elsewhere_passes() -> None:
    """A cancellation of the node must not be taken for the end of a wait."""
    wait = Wait()

    async def work() -> None:
        with wait:
            await asyncio.sleep(LONG_S)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await asyncio.sleep(0)
        wait.end()
        task.cancel()
    assert task.cancelled()


async def test_a_task_that_ends_its_own_wait_is_not_cancelled() -> None:
    """The cancellation would hit whatever the task waits for next."""
    wait = Wait()
    with wait:
        wait.end()
    await asyncio.sleep(0)
    assert asyncio.current_task() is not None
