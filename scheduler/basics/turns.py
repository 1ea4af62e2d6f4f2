"""Turns: of many tasks that go on at once, only a few do so in each iteration of the event loop.

    wake 500 tasks ─▶ 8 ─▶ everything else ─▶ 8 ─▶ everything else ─▶ …

Without it, all of them run before the loop looks at anything else: what is urgent waits for all.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque


class Turns:
    """Called before a piece of work, it waits for a turn."""

    def __init__(self, number: int) -> None:
        """`number` is how many turns there are in one iteration."""
        self._number = number
        self._left = number
        self._waiting: deque[Future[None]] = deque()
        self._will_refill = False

    async def __call__(self) -> None:
        """Wait for a turn; without a wait while there is one left in this iteration."""
        loop = asyncio.get_running_loop()
        if not self._will_refill:
            self._will_refill = True
            loop.call_soon(self._refill)
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn: Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _refill(self) -> None:
        """Give turns to those who wait, once for each iteration until nobody does."""
        self._left = self._number
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                self._left -= 1
        self._will_refill = bool(self._waiting)
        if self._will_refill:
            asyncio.get_running_loop().call_soon(self._refill)
