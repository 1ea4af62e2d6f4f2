"""An event loop whose time passes at once: where everybody waits, it is the next instant already.

So minutes of several nodes take milliseconds, and the same happens each time. Only for what waits
for timers and for itself; a socket or a thread would come too late for its timeouts.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any

from tests.fakes import FakeClock


class VirtualSelector(selectors.SelectSelector):
    """Has the time pass for which the loop would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> Sequence[Any]:  # type: ignore[override]
        ready = super().select(0)
        assert ready or timeout is not None, "everybody waits, and nothing will ever happen"
        if not ready and timeout is not None:
            self.passed_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on that time."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed_s


class VirtualClock(FakeClock):
    """The clock of that time."""

    def monotonic(self) -> float:
        self._passed_s = asyncio.get_running_loop().time()
        return self._passed_s

    def now(self) -> Any:  # noqa: ANN401 - what a FakeClock answers
        self.monotonic()
        return super().now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
