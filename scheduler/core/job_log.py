"""The log of a job: what it prints, as lines with time and stream, on a limited number of pages.

    page   0 1 2 3 │ 4 5 … 15        each page has a slot; from page 16 on it takes the slot of
    slot   0 1 2 3 │ 4 5 … 15        the oldest page after the head, so a log has 16 slots at most
           head      tail

An *offset* is a number of bytes from the beginning of all that the job printed, kept or not. So the
offsets of two pages tell how much is missing between them. Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

PAGE_BYTES: Final = 16 * 1024
HEAD_PAGES: Final = 4
TAIL_PAGES: Final = 12
LINE_BYTES: Final = 32
"""What each line takes besides its text, when stored and when shown: its time and its stream."""


class LogStream(StrEnum):
    """Where a line comes from."""

    STDOUT = "stdout"
    STDERR = "stderr"
    NOTICE = "notice"
    """The scheduler itself: a new attempt begins, or something was left out."""


class Block(NamedTuple):
    """Lines of one stream that came at one time; the last line may continue in the next block."""

    at: datetime
    stream: LogStream
    text: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """A stored part of a job's output; blocks are added to it until the next page begins."""

    number: int
    offset: int
    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        """Bytes of output on the page."""
        return sum(len(block.text.encode()) for block in self.blocks)

    @property
    def end(self) -> int:
        """The offset after the page, in bytes."""
        return self.offset + self.size

    @property
    def slot(self) -> int:
        """The slot in which it is stored, until a later page takes the slot."""
        if self.number < HEAD_PAGES:
            return self.number
        return HEAD_PAGES + (self.number - HEAD_PAGES) % TAIL_PAGES


class Written(NamedTuple):
    """A page to be stored, written by the attempt with this token."""

    job_id: str
    token: int
    page: LogPage


class Line(NamedTuple):
    """A line of a job's log."""

    at: datetime
    stream: LogStream
    text: str
    end: int
    """The offset after the line, in bytes."""


def lines(pages: Iterable[LogPage], *, after: int = 0, until: int | None = None) -> Iterator[Line]:
    """The lines on these pages between two offsets; a notice wherever something is missing."""
    for page in pages:
        begins = page.offset if until is None else min(page.offset, until)
        if begins > after:
            missing = f"{begins - after} bytes are left out here"
            yield Line(page.blocks[0].at, LogStream.NOTICE, missing, begins)
        offset = page.offset
        for block in page.blocks:
            for whole, text in _lines(block.text):
                offset += len(whole.encode())
                if after < offset and (until is None or offset <= until):
                    yield Line(block.at, block.stream, text, offset)
        after = max(after, offset)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with and without its end; all that `str.splitlines` takes for an end is one."""
    return zip(text.splitlines(keepends=True), text.splitlines(), strict=True)
