"""What a job prints: lines with their time and stream, on pages of which only so many are kept.

    page   0 1 2 3 │ 4 5 … 15        a page has a slot; from the 16th on it takes the slot of the
    slot   0 1 2 3 │ 4 5 … 15        oldest page behind the head, so no log outgrows its 16 slots
           head      tail

A *place* is a number of bytes from the beginning of all that the job printed, kept or not. So two
pages tell by their places how much is missing between them. Pure: no I/O, no clock.
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
"""What each line costs beside its text, to be kept and to be shown: its time and its stream."""


class LogStream(StrEnum):
    """Where a line comes from."""

    STDOUT = "stdout"
    STDERR = "stderr"
    NOTICE = "notice"
    """The scheduler itself: a new attempt begins, or something is left out."""


class Block(NamedTuple):
    """Lines of one stream that came at one time; the last may be cut off, and go on in the next."""

    at: datetime
    stream: LogStream
    text: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """A part of a job's output, as it is kept; it grows by blocks until the next one begins."""

    number: int
    place: int
    blocks: tuple[Block, ...]

    @property
    def size(self) -> int:
        """Bytes of output on it."""
        return sum(len(block.text.encode()) for block in self.blocks)

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.place + self.size

    @property
    def slot(self) -> int:
        """Where it is kept, until another page is."""
        if self.number < HEAD_PAGES:
            return self.number
        return HEAD_PAGES + (self.number - HEAD_PAGES) % TAIL_PAGES


class Written(NamedTuple):
    """A page of the attempt that has this token."""

    job_id: str
    token: int
    page: LogPage


class Line(NamedTuple):
    """A line of a job's log."""

    at: datetime
    stream: LogStream
    text: str
    end: int
    """The place behind it."""


def lines(pages: Iterable[LogPage], *, after: int = 0, until: int | None = None) -> Iterator[Line]:
    """The lines on these pages between two places; a notice wherever something is missing."""
    for page in pages:
        begins = page.place if until is None else min(page.place, until)
        if begins > after:
            missing = f"{begins - after} bytes are left out here"
            yield Line(page.blocks[0].at, LogStream.NOTICE, missing, begins)
        place = page.place
        for block in page.blocks:
            for whole, text in _lines(block.text):
                place += len(whole.encode())
                if after < place and (until is None or place <= until):
                    yield Line(block.at, block.stream, text, place)
        after = max(after, place)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with and without its end; whatever any reader could take for an end is one."""
    return zip(text.splitlines(keepends=True), text.splitlines(), strict=True)
