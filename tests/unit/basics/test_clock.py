"""The time of day that all nodes of a store share."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from scheduler.basics.background import background
from scheduler.basics.clock import SLOW_S, SharedClock
from scheduler.core.errors import StoreUnavailable
from tests.fakes import FakeClock

HOUR = timedelta(hours=1)


class Store:
    """Tells the time of day; this node's clock is ahead of it."""

    def __init__(self, own: FakeClock, ahead: timedelta) -> None:
        self.own = own
        self.ahead = ahead
        self.takes_s = 0.0
        self.away = False
        self.asked = 0

    async def time_of_day(self) -> datetime:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the store does not answer")
        self.own.advance(self.takes_s / 2)
        there = self.own.now() - self.ahead
        self.own.advance(self.takes_s / 2)
        return there


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_node_tells_the_time_of_day_as_its_store_does(ahead: timedelta) -> None:
    """Whatever its own clock says; and not late by half of what the answer took."""
    own = FakeClock()
    store = Store(own, ahead)
    clock = SharedClock(own, store.time_of_day)
    store.takes_s = 0.5
    await clock.ask()
    own.advance(60)
    assert clock.now() == own.now() - ahead


async def test_an_answer_that_took_long_is_not_believed() -> None:
    own = FakeClock()
    store = Store(own, HOUR)
    clock = SharedClock(own, store.time_of_day)
    await clock.ask()
    store.takes_s, store.ahead = 2 * SLOW_S, timedelta(0)
    await clock.ask()
    assert clock.now() == own.now() - HOUR


async def test_a_clock_that_is_set_is_noticed_and_a_store_that_is_away_ends_nothing() -> None:
    own = FakeClock()
    store = Store(own, timedelta(0))
    clock = SharedClock(own, store.time_of_day)
    store.away = True
    async with background(clock=clock.follow()):
        await own.pass_until(lambda: store.asked >= 2)
        assert clock.now() == own.now()
        store.away, store.ahead = False, HOUR
        await own.pass_until(lambda: clock.now() == own.now() - HOUR)
