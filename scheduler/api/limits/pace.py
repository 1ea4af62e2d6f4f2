"""How slow a client may be: its bytes must move at a rate, and may lag behind that for some time.

A client that stops is given up after `lag_s`. One that sends or reads a byte now and then is given
up hardly later, and one that keeps to the rate never is, however much there is to move.
"""

from __future__ import annotations

from typing import Final

RATE_BYTES_S: Final = 16 * 1024
"""The slowest line to serve: 128 kbit/s."""


class Pace:
    """Until when a client's next bytes are waited for. Times are those of the event loop."""

    __slots__ = ("lag_s", "until")

    def __init__(self, now: float, *, lag_s: float) -> None:
        self.lag_s = lag_s
        self.until = now + lag_s

    def moved(self, size: int, now: float) -> float:
        """Note that so many bytes came or went; until when the next ones are waited for."""
        self.until = min(now + self.lag_s, self.until + size / RATE_BYTES_S)
        return self.until
