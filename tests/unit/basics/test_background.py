"""Background tasks live as long as their block, and hide none of its errors."""

from __future__ import annotations

import asyncio

import pytest

from scheduler.basics.background import background


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise ZeroDivisionError


async def test_tasks_have_their_names_and_end_with_the_block() -> None:
    async with background(first=for_ever(), second=for_ever()):
        assert {"first", "second"} < {task.get_name() for task in asyncio.all_tasks()}

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_error_of_the_block_is_raised_bare() -> None:
    """Callers catch it by its class; `except` would not match a group of one."""

    async def run() -> None:
        async with background(service=for_ever()):
            raise ValueError("cause") from KeyError("effect")

    with pytest.raises(ValueError, match="cause") as caught:
        await run()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_a_defect_in_a_background_task_ends_the_block() -> None:
    """Otherwise the node would run on without that service."""

    async def run() -> None:
        async with background(service=fail()):
            await for_ever()

    with pytest.raises(ZeroDivisionError):
        await run()


async def test_two_errors_are_raised_as_a_group() -> None:
    async def run() -> None:
        async with background(service=fail(), other=fail()):
            await for_ever()

    with pytest.raises(ExceptionGroup):
        await run()


async def test_a_block_that_is_cancelled_is_cancelled() -> None:
    async def run() -> None:
        async with background(service=for_ever()):
            await for_ever()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()
