"""The port to time. The package says what all ports promise."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time. Durations are measured by `monotonic`, which never jumps."""

    def now(self) -> datetime:
        """The time of day as aware UTC, in whole milliseconds; on a running node the store's.

        May jump, and what it says of the store is some seconds old: for display, and for bounds
        that are much longer.
        """
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that all processes of this machine share and that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds by `monotonic`."""
        ...
