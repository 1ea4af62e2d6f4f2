"""What a node's requests share: the budget of bytes, and the turns at parsing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from scheduler.api.limits.budget import Budget

LISTS_MAX: Final = 4


class Load:
    """What a node's requests share."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.lists = asyncio.Semaphore(LISTS_MAX)
        """The long answers that are being made: until it is written, one takes several times its
        size."""
        self._parsing = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Parse a large body during the block, and no other one at the same time.

        Within it, `pause` after each piece of work: so the event loop never stands for longer than
        one piece takes, however many large bodies there are. Without the garbage collector, which
        finds no cycles in JSON, a piece takes half as long.
        """
        async with self._parsing:
            collects = gc.isenabled()
            gc.disable()
            try:
                yield
            finally:
                if collects:
                    gc.enable()
            await pause()


async def pause() -> None:
    """Let everybody else go on."""
    await asyncio.sleep(0)
