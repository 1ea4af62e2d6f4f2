"""A `Clock` whose time passes when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import isawaitable

from tests.support.eventually import eventually

AT = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


class FakeClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return AT + timedelta(milliseconds=int(self._passed_s * 1000))

    def monotonic(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self._passed_s + seconds, woken))
        self.advance(0)
        await woken.wait()

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds
        for due, woken in self._sleepers:
            if due <= self._passed_s:
                woken.set()
        self._sleepers = [each for each in self._sleepers if not each[1].is_set()]

    async def pass_until(self, predicate: Callable[[], object], *, saying: str = "") -> None:
        """Let time pass, a second before each check, until the predicate returns something true."""

        async def passed_and_true() -> bool:
            self.advance(1)
            answer = predicate()
            return bool(await answer if isawaitable(answer) else answer)

        await eventually(passed_and_true, saying=saying)
