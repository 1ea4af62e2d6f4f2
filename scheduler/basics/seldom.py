"""Something that may happen all the time, and is to be told from time to time."""

from __future__ import annotations

import asyncio
from typing import Final

EVERY_S: Final = 60.0
"""Often enough to be noticed, seldom enough to leave the log readable."""


class Seldom:
    """Called whenever it happens: whether it is to be told now."""

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._next_at = 0.0

    def __call__(self) -> bool:
        """True for the first call, and then once in `every_s` at most."""
        now = asyncio.get_running_loop().time()
        if now < self._next_at:
            return False
        self._next_at = now + self._every_s
        return True
