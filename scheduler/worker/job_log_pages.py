"""Lines laid out on pages: the one that is written now, and those that the store lacks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from scheduler.core.job_log import LINE_BYTES, PAGE_BYTES, Block, LogPage, LogStream

TEXT_MAX: Final = (PAGE_BYTES - LINE_BYTES) // 4
"""Characters of a line that surely fit on a page; the rest of it comes as further lines."""


class JobLogPages:
    """Pages in the making; never more of them than a log may have."""

    def __init__(self, *, number: int, place: int) -> None:
        self._number, self._place = number, place
        self._blocks: list[Block] = []
        self._grown = False
        self._room = PAGE_BYTES
        self._fresh: dict[int, LogPage] = {}
        """What the store lacks, by slot: of two pages with one slot, only the later is kept."""

    def write(self, at: datetime, stream: LogStream, line: str) -> None:
        """Add a line, or the beginning or the end of one."""
        for start in range(0, len(line), TEXT_MAX):
            self._add(at, stream, line[start : start + TEXT_MAX])

    def skip(self, missing_bytes: int) -> None:
        """Leave something out."""
        if missing_bytes:
            self._turn()
            self._place += missing_bytes

    def take(self) -> Sequence[LogPage]:
        """The pages that are new since this was last asked, or longer than they were then."""
        self._note()
        taken, self._fresh = list(self._fresh.values()), {}
        return taken

    def _add(self, at: datetime, stream: LogStream, text: str) -> None:
        cost = LINE_BYTES + len(text.encode())
        if cost > self._room:
            self._turn()
        self._room -= cost
        last = self._blocks[-1] if self._blocks else None
        if last is not None and (last.at, last.stream) == (at, stream):
            self._blocks[-1] = last._replace(text=last.text + text)
        else:
            self._blocks.append(Block(at, stream, text))
        self._grown = True

    def _turn(self) -> None:
        """Begin the next page, where this one has anything on it."""
        if page := self._note():
            self._number, self._place = page.number + 1, page.end
            self._blocks, self._room = [], PAGE_BYTES

    def _note(self) -> LogPage | None:
        """Note what is on the page now; None where there is nothing."""
        if not self._blocks:
            return None
        page = LogPage(self._number, self._place, tuple(self._blocks))
        if self._grown:
            self._fresh[page.slot] = page
        self._grown = False
        return page
