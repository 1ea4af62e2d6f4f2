"""Puts lines on pages: the current page, and those that are not in the store yet. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from scheduler.core.job_log import LINE_BYTES, PAGE_BYTES, Block, LogPage, LogStream

TEXT_MAX: Final = (PAGE_BYTES - LINE_BYTES) // 4
"""Characters of a line that always fit on a page; the rest of it becomes further lines."""


class JobLogPages:
    """Builds the pages of a log; holds at most as many as a log may have."""

    def __init__(self, *, number: int, offset: int) -> None:
        self._number, self._offset = number, offset
        self._blocks: list[Block] = []
        self._grown = False
        self._bytes_left = PAGE_BYTES
        self._fresh: dict[int, LogPage] = {}
        """The pages to be stored, by slot: of two pages with one slot, only the later is kept."""

    def write(self, at: datetime, stream: LogStream, line: str) -> None:
        """Add a line, or a part of one."""
        for start in range(0, len(line), TEXT_MAX):
            self._add(at, stream, line[start : start + TEXT_MAX])

    def skip(self, missing_bytes: int) -> None:
        """Leave a gap of dropped output."""
        if missing_bytes:
            self._begin_next_page()
            self._offset += missing_bytes

    def take(self) -> Sequence[LogPage]:
        """The pages that are new, or longer, since the last call."""
        self._save_page()
        taken, self._fresh = list(self._fresh.values()), {}
        return taken

    def _add(self, at: datetime, stream: LogStream, text: str) -> None:
        cost = LINE_BYTES + len(text.encode())
        if cost > self._bytes_left:
            self._begin_next_page()
        self._bytes_left -= cost
        last = self._blocks[-1] if self._blocks else None
        if last is not None and (last.at, last.stream) == (at, stream):
            self._blocks[-1] = last._replace(text=last.text + text)
        else:
            self._blocks.append(Block(at, stream, text))
        self._grown = True

    def _begin_next_page(self) -> None:
        """Begin the next page, unless this one is empty."""
        if page := self._save_page():
            self._number, self._offset = page.number + 1, page.end
            self._blocks, self._bytes_left = [], PAGE_BYTES

    def _save_page(self) -> LogPage | None:
        """Save the current page for `take`; None if it is empty."""
        if not self._blocks:
            return None
        page = LogPage(self._number, self._offset, tuple(self._blocks))
        if self._grown:
            self._fresh[page.slot] = page
        self._grown = False
        return page
