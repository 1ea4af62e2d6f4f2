"""Turns: many tasks that wake at once do not keep the loop from everything else."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.basics.turns import Turns

NUMBER = 3


async def test_only_a_few_go_on_in_each_iteration_and_all_in_their_order() -> None:
    """What is urgent waits for a few of them, and not for all."""
    turns, order, iterations = Turns(NUMBER), list[int](), list[int]()

    async def work(number: int) -> None:
        await turns()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(work(number))
        while len(order) < 20:
            before = len(order)
            await asyncio.sleep(0)
            iterations.append(len(order) - before)

    assert order == list(range(20))
    assert max(iterations) <= NUMBER


async def test_a_turn_that_is_free_costs_no_wait() -> None:
    """With few followers nothing is delayed."""
    turns = Turns(NUMBER)
    for _ in range(NUMBER):
        with pytest.raises(StopIteration):
            turns().send(None)


async def test_a_turn_of_a_task_that_was_cancelled_goes_to_the_next() -> None:
    """A client may leave while it waits."""
    turns, order = Turns(1), list[int]()

    async def work(number: int) -> None:
        await turns()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    assert order == [0, 2, 3]
