"""Buffers what one attempt prints, and keeps its first and its last lines. Pure.

    record ──▶ head, tail: whole lines, not parsed ──▶ pages ──▶ the store
    each read                                          a few times a second

Most output of a job that prints too much is never parsed: `record` does a fixed amount of work for
each read, however many lines that brings, and what cannot be kept is counted and dropped.

A progress bar goes back to the beginning of its line by a carriage return, and draws it anew, many
times a second. Of such a line only its last state is kept, once it has ended; the states before it
take no room and no offset, as if they had not been printed. A bar that moves the cursor by escape
sequences, to draw several lines, is kept as it is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from scheduler.core.job_log import (
    HEAD_PAGES,
    LINE_BYTES,
    PAGE_BYTES,
    TAIL_PAGES,
    LogPage,
    LogStream,
)
from scheduler.worker.job_logs.pages import JobLogPages

HEAD_BYTES: Final = HEAD_PAGES * PAGE_BYTES
TAIL_BYTES: Final = TAIL_PAGES * PAGE_BYTES
UNENDED_BYTES_MAX: Final = 8 * 1024
"""A longer line without an end is cut: the end may never come."""
_REDRAWN: Final = re.compile(rb"^[^\n]*\r(?=[^\r\n])|\r+(?=\r)", re.MULTILINE)
"""What was drawn over: states of a line, and carriage returns before another one.

Tried once for each line and for each run, so the time is linear."""


class _Piece(NamedTuple):
    """Whole lines, as one read brought them."""

    at: datetime
    stream: LogStream
    data: bytes
    cost: int
    """Their size in the log, where each line costs `LINE_BYTES`: many empty lines are large."""


class JobLogBuffer:
    """The output of one attempt that is not written to the store yet."""

    def __init__(self) -> None:
        self._pages = JobLogPages(number=0, offset=0)
        self._unended: dict[LogStream, bytes] = {}
        self._head: list[_Piece] = []
        self._head_bytes_left = HEAD_BYTES
        self._tail: deque[_Piece] = deque()
        self._tail_cost = 0
        self._dropped_bytes = 0

    def continue_after(self, last: LogPage) -> None:
        """Continue after the last page of the previous attempts; call it before `pages`."""
        self._pages = JobLogPages(number=last.number + 1, offset=last.end)
        self._head_bytes_left -= (last.number + 1) * PAGE_BYTES

    def record(self, at: datetime, stream: LogStream, data: bytes) -> None:
        """Add what was read from a stream."""
        data = self._unended.pop(stream, b"") + data
        if b"\r" in data:
            data = _REDRAWN.sub(b"", data)
        end = data.rfind(b"\n") + 1
        if len(data) - end > UNENDED_BYTES_MAX:
            end = _end_of_characters(data)
        if end < len(data):
            self._unended[stream] = data[end:]
        if end:
            self._keep(at, stream, data[:end])

    def end(self, at: datetime) -> None:
        """Take unended lines as they are: nothing follows."""
        for stream, data in self._unended.items():
            self._keep(at, stream, data)
        self._unended.clear()

    def pages(self) -> Sequence[LogPage]:
        """The pages that are new, or longer, since the last call."""
        self._write(self._head)
        self._pages.skip(self._dropped_bytes)
        self._write(self._tail)
        self._head.clear()
        self._tail.clear()
        self._tail_cost = self._dropped_bytes = 0
        return self._pages.take()

    def _keep(self, at: datetime, stream: LogStream, data: bytes) -> None:
        """Keep lines until `pages` is called; beyond the head, only the last ones."""
        cost = len(data) + LINE_BYTES * (1 + data.count(b"\n") + data.count(b"\r"))
        piece = _Piece(at, stream, data, cost)
        if self._head_bytes_left > 0:
            self._head.append(piece)
            self._head_bytes_left -= cost
            return
        self._tail.append(piece)
        self._tail_cost += cost
        while self._tail_cost - self._tail[0].cost >= TAIL_BYTES:
            dropped = self._tail.popleft()
            self._tail_cost -= dropped.cost
            self._dropped_bytes += len(dropped.data)

    def _write(self, pieces: Iterable[_Piece]) -> None:
        for piece in pieces:
            for line in piece.data.decode(errors="replace").splitlines(keepends=True):
                self._pages.write(piece.at, piece.stream, line)


def _end_of_characters(data: bytes) -> int:
    """Where the last whole UTF-8 character ends, so that a cut does not break one."""
    for end in range(len(data), max(0, len(data) - 3), -1):
        if data[end - 1] & 0xC0 != 0x80:  # the first byte of a character
            return end if data[end - 1] < 0x80 else end - 1
    return len(data)
