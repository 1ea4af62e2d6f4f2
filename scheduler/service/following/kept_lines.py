"""Lines of logs that several followers are sent: read once, and kept while there is room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from scheduler.core.change import Change
from scheduler.service.change_feed import ChangeEntry
from scheduler.service.following.events import LineEvent

CHARACTERS_MAX: Final = 4_000_000
"""How much is kept; what is older is read again where somebody wants it."""
ENTRY_CHARACTERS: Final = 500
"""What a change counts besides its text."""

Read = Callable[[str, Change, int], Awaitable[Sequence[LineEvent]]]


class KeptLines:
    """The lines of the last changes."""

    def __init__(self, read: Read) -> None:
        """`read` returns the lines of the change with an id, after an offset."""
        self._read = read
        self._reading = asyncio.Lock()
        self._kept: deque[tuple[ChangeEntry, int]] = deque()
        self._characters = 0

    async def of(self, entry: ChangeEntry) -> Sequence[LineEvent]:
        """The lines of a change; whoever asks meanwhile waits, and gets the same ones."""
        if entry.lines is not None:
            return entry.lines
        async with self._reading:
            if entry.lines is None:
                return await self._read_and_keep(entry)
            return entry.lines

    async def _read_and_keep(self, entry: ChangeEntry) -> Sequence[LineEvent]:
        entry.lines = found = await self._read(entry.id, entry.change, entry.change.start_offset)
        size = ENTRY_CHARACTERS + sum(len(each.line.text) for each in found)
        self._kept.append((entry, size))
        self._characters += size
        while self._characters > CHARACTERS_MAX:
            oldest, size = self._kept.popleft()
            oldest.lines = None
            self._characters -= size
        return found
