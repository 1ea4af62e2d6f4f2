"""A wait that somebody else may end: it ends that wait, and nothing else."""

from __future__ import annotations

import asyncio

from scheduler.basics.wait import Wait

LONG_S = 3600.0


async def test_whoever_ends_it_the_block_is_left_where_it_waits() -> None:
    wait, left = Wait(), []

    async def work() -> None:
        with wait:
            await asyncio.sleep(LONG_S)
            left.append("the end of the block")
        left.append("what follows")
        await asyncio.sleep(0)  # and may wait itself
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
    """A node that ends must not take it for the end of a wait."""
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


async def test_who_ends_it_from_within_sees_for_himself() -> None:
    """To cancel the running task would strike at whatever it waits for next."""
    wait = Wait()
    with wait:
        wait.end()
    await asyncio.sleep(0)
    assert asyncio.current_task() is not None
