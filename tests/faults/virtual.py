"""An event loop with virtual time: while all tasks wait, it jumps to the next timer at once.

So minutes of several nodes take milliseconds, and each run is the same. It is only for tasks that
wait for timers and for each other; a socket or a thread would come too late for its timeouts.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Sequence
from typing import Any

from tests.fakes import FakeClock


class VirtualSelector(selectors.SelectSelector):
    """Adds to the virtual time what the loop would sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_s = 0.0

    def select(self, timeout: float | None = None) -> Sequence[Any]:  # type: ignore[override]
        ready = super().select(0)
        assert ready or timeout is not None, "all tasks wait, and no timer is set"
        if not ready and timeout is not None:
            self.passed_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with virtual time."""

    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed_s


class VirtualClock(FakeClock):
    """The clock with the virtual time of the running loop."""

    def monotonic(self) -> float:
        self._passed_s = asyncio.get_running_loop().time()
        return self._passed_s

    def now(self) -> Any:  # noqa: ANN401 - what a FakeClock answers
        self.monotonic()
        return super().now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
