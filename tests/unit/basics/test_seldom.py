"""What may happen all the time is told once in a while."""

from __future__ import annotations

from scheduler.basics.seldom import Seldom


async def test_the_first_time_is_told_and_the_next_ones_are_not() -> None:
    seldom = Seldom()
    assert [seldom() for _ in range(3)] == [True, False, False]


async def test_it_is_told_again_after_a_while() -> None:
    """Whoever reads only the last hour of a log still learns of it."""
    seldom = Seldom(every_s=0.0)
    assert [seldom() for _ in range(3)] == [True, True, True]
