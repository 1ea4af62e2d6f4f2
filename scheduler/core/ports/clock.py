"""The port to time. Its promises: see the package."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time. Durations are measured by `monotonic`, which never jumps."""

    def now(self) -> datetime:
        """The wall-clock time as aware UTC, in whole milliseconds. May jump: only for people."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that all processes of this machine share and that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds of `monotonic`."""
        ...
