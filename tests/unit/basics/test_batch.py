"""Group commit: concurrent calls are one run; an error or a cancellation hits only its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from scheduler.basics.background import background
from scheduler.basics.batch import Batch
from scheduler.core.errors import Conflict, StoreRefused, StoreUnavailable
from tests.support.eventually import eventually

MOST = 4


class Doubling:
    """Doubles numbers while `open` is set, and records which came in one run."""

    def __init__(self) -> None:
        self.runs: list[Sequence[int]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: type[Exception] = Conflict

    async def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.runs.append(numbers)
        await self.open.wait()
        if 0 in numbers:
            raise self.error("0 is nothing to double")
        if -1 in numbers:
            raise StoreUnavailable("away")
        return [2 * number for number in numbers]


@pytest.fixture
def doubling() -> Doubling:
    return Doubling()


@pytest.fixture
async def double(doubling: Doubling) -> AsyncIterator[Batch[int, int]]:
    batch = Batch[int, int](doubling, weight=abs, weight_max=MOST)
    async with background(batch=batch.serve()):
        yield batch


async def test_calls_of_one_turn_are_one_run(double: Batch[int, int], doubling: Doubling) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(double(number)) for number in (1, 2, 1)]

    assert [call.result() for call in calls] == [2, 4, 2]
    assert doubling.runs == [[1, 2, 1]]


async def test_a_single_call_does_not_wait_for_others(
    double: Batch[int, int], doubling: Doubling
) -> None:
    """A window in which calls are collected would delay each answer of an idle node."""
    loop = asyncio.get_running_loop()
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1
        if not doubling.runs:
            loop.call_soon(count)

    loop.call_soon(count)
    assert await double(1) == 2
    assert turns <= 3


async def test_calls_that_come_during_a_run_make_the_next_run(
    double: Batch[int, int], doubling: Doubling
) -> None:
    doubling.open.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(double(3))
        await eventually(lambda: doubling.runs)
        for _ in range(3):
            group.create_task(double(1))
            await asyncio.sleep(0)
        assert doubling.runs == [[3]]
        doubling.open.set()

    assert doubling.runs == [[3], [1, 1, 1]]


async def test_a_run_has_a_bound_and_a_call_above_it_runs_alone(
    double: Batch[int, int], doubling: Doubling
) -> None:
    """Without it, many calls would be one statement that delays all others."""
    async with asyncio.TaskGroup() as group:
        for number in (3, 2, 2, 9, 1):
            group.create_task(double(number))

    assert doubling.runs == [[3], [2, 2], [9], [1]]


@pytest.mark.parametrize("error", [Conflict, StoreRefused])
async def test_an_error_is_raised_only_in_the_call_that_causes_it(
    error: type[Exception], double: Batch[int, int], doubling: Doubling
) -> None:
    """One user's conflict is no reason to refuse another's job."""
    doubling.error = error
    async with asyncio.TaskGroup() as group:
        good, other = group.create_task(double(1)), group.create_task(double(2))
        with pytest.raises(error):
            await double(0)

    assert (good.result(), other.result()) == (2, 4)
    assert doubling.runs == [[0, 1, 2], [0], [1], [2]]


async def test_an_unavailable_server_fails_all_calls_and_is_called_once(
    double: Batch[int, int], doubling: Doubling
) -> None:
    """To run each of a hundred calls alone would be a hundred timeouts, one after the other."""
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(_error(double, number)) for number in (1, -1)]

    errors = [call.result() for call in calls]
    assert [type(error) for error in errors] == [StoreUnavailable, StoreUnavailable]
    assert errors[0] is not errors[1], "each has a traceback of its own"
    assert len(doubling.runs) == 1


async def test_a_call_cancelled_before_the_run_is_left_out(
    double: Batch[int, int], doubling: Doubling
) -> None:
    async with asyncio.TaskGroup() as group:
        left, stays = group.create_task(double(1)), group.create_task(double(2))
        await asyncio.sleep(0)
        left.cancel()

    assert stays.result() == 4
    assert doubling.runs == [[2]]


async def test_a_call_cancelled_during_the_run_does_not_affect_others(
    double: Batch[int, int], doubling: Doubling
) -> None:
    """The run serves the others too: it continues to its end."""
    doubling.open.clear()
    async with asyncio.TaskGroup() as group:
        left, stays = group.create_task(double(1)), group.create_task(double(2))
        await eventually(lambda: doubling.runs)
        left.cancel()
        await asyncio.sleep(0)
        doubling.open.set()

    assert left.cancelled()
    assert stays.result() == 4


async def test_a_pause_lets_more_calls_share_a_run(doubling: Doubling) -> None:
    """Where nobody waits for the answer, few large runs cost less than many small ones."""
    batch = Batch[int, int](doubling, weight_max=MOST, pause_s=0.05)
    async with background(batch=batch.serve()), asyncio.TaskGroup() as group:
        await batch(1)
        for _ in range(3):
            group.create_task(batch(1))
            await asyncio.sleep(0.001)  # each in a turn of its own

    assert doubling.runs == [[1], [1, 1, 1]]


async def test_a_closed_batch_cancels_its_callers(doubling: Doubling) -> None:
    """Otherwise a caller would wait for ever, and so would the node."""
    batch = Batch[int, int](doubling, weight_max=1)
    doubling.open.clear()
    async with asyncio.TaskGroup() as group, background(batch=batch.serve()):
        under_way, waiting = group.create_task(batch(1)), group.create_task(batch(2))
        await eventually(lambda: doubling.runs)

    assert under_way.cancelled()
    assert waiting.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await batch(3)


async def _error(double: Batch[int, int], number: int) -> Exception:
    with pytest.raises(StoreUnavailable) as caught:
        await double(number)
    return caught.value


async def test_a_call_that_goes_ahead_is_in_the_next_run(
    double: Batch[int, int], doubling: Doubling
) -> None:
    """However many calls wait, and however heavy they are."""
    doubling.open.clear()
    async with asyncio.TaskGroup() as group:
        for number in (4, 3, 2, 4):
            group.create_task(double(number))
        await eventually(lambda: doubling.runs)
        for number in (1, -2):
            group.create_task(double(number, ahead=True))
        await asyncio.sleep(0)
        doubling.open.set()

    assert doubling.runs == [[4], [1, -2], [3], [2], [4]]


async def test_calls_that_go_ahead_are_cancelled_at_the_end_like_others() -> None:
    """Their callers would wait for ever."""
    batch = Batch[int, int](Doubling(), weight_max=MOST)
    async with background(batch=batch.serve()):
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await batch(1, ahead=True)
