"""What a node's requests share: bytes, places, the lines for reads, the turns at parsing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from scheduler.api.limits.budget import Budget
from scheduler.api.limits.places import Places

LISTS_MAX: Final = 4
"""Long answers that are made at a time: until it is written, one takes several times its size."""
READS_MAX: Final = 16
"""Jobs that are read at a time: an abort in the store's line waits for no more of them."""
STREAMS_MAX: Final = 500
"""Streams that are open: each costs descriptors, and a share of each change."""
WAITS_MAX: Final = 2000
LINE_S: Final = 2.0
"""How long a request waits for its place in a line."""


class Line:
    """Lets some at a time through."""

    def __init__(self, places: int) -> None:
        self._free = asyncio.Semaphore(places)

    async def enter(self) -> None:
        """Wait for a place; `leave` gives it back.

        Raises:
            TimeoutError: none was free within `LINE_S`.
        """
        if self._free.locked():
            async with asyncio.timeout(LINE_S):
                await self._free.acquire()
        else:
            await self._free.acquire()

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()


class Load:
    """What a node's requests share."""

    def __init__(self) -> None:
        self.budget = Budget()
        self.lists = Line(LISTS_MAX)
        self.reads = Line(READS_MAX)
        self.streams = Places("streams", STREAMS_MAX)
        self.waits = Places("waits", WAITS_MAX)
        self._parsing = asyncio.Lock()

    def fit(self, connections_max: int) -> None:
        """Leave some of so many connections for requests that do not take long."""
        self.streams.most = min(STREAMS_MAX, connections_max // 4)
        self.waits.most = min(WAITS_MAX, connections_max // 2)

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
