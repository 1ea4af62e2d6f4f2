"""The machine's time, the time that all nodes share, and ids made from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import uuid_utils

from scheduler.core.errors import StoreUnavailable
from scheduler.core.ports.clock import Clock

LOOK_S: Final = 10.0
"""How often a node asks for the time of day: clocks drift, and are set."""
SLOW_S: Final = 1.0
"""What took longer to come is too old to be believed."""


class SystemClock:
    """The `Clock` of a running node."""

    def now(self) -> datetime:
        """The wall-clock time, in whole milliseconds, as the store keeps it."""
        return datetime.fromtimestamp(time.time_ns() // 1_000_000 / 1000, UTC)

    def monotonic(self) -> float:
        """Seconds since the machine booted (CLOCK_MONOTONIC), the same in all processes."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so many seconds."""
        await asyncio.sleep(seconds)


class SharedClock:
    """The `Clock` of a node that shares a store with others: its time of day is the store's.

    The nodes' own clocks need not agree. By one that is ahead, sessions and tokens would end early,
    and jobs would have ended before they began.
    """

    def __init__(self, own: Clock, ask: Callable[[], Awaitable[datetime]]) -> None:
        """A clock that goes as `own`, until it has asked.

        Args:
            ask: returns the time of day of the store; may raise StoreUnavailable.
        """
        self._own = own
        self._ask = ask
        self._ahead = timedelta(0)
        """How far the store's clock is ahead of this machine's."""

    def now(self) -> datetime:
        """The time of day by the store's clock, in whole milliseconds."""
        return self._own.now() + self._ahead

    def monotonic(self) -> float:
        """See `SystemClock`."""
        return self._own.monotonic()

    async def sleep(self, seconds: float) -> None:
        """See `SystemClock`."""
        await self._own.sleep(seconds)

    async def ask(self) -> None:
        """Ask the store once.

        Raises:
            StoreUnavailable: it does not answer; the clock goes on as before.
        """
        before, began = self._own.now(), self.monotonic()
        there = await self._ask()
        took_s = self.monotonic() - began
        if took_s <= SLOW_S:
            ahead_s = (there - before).total_seconds() - took_s / 2
            self._ahead = timedelta(milliseconds=round(1000 * ahead_s))

    async def follow(self) -> None:
        """Ask again and again, for ever; a background task."""
        while True:
            await self.sleep(LOOK_S)
            with suppress(StoreUnavailable):
                await self.ask()


def new_id() -> str:
    """A UUIDv7 (RFC 9562): sorts by the millisecond in which it was made."""
    return str(uuid_utils.uuid7())


def id_before(instant: datetime) -> str:
    """An id that sorts before all that `new_id` makes from this instant on."""
    milliseconds = round(instant.timestamp() * 1000)
    return f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-000000000000"
