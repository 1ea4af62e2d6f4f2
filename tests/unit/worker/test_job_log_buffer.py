"""The job log buffer: which output of an attempt is kept, and in how much memory."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.job_log import (
    HEAD_PAGES,
    LINE_BYTES,
    PAGE_BYTES,
    TAIL_PAGES,
    LogPage,
    LogStream,
    lines,
)
from scheduler.worker.job_logs.buffer import UNENDED_BYTES_MAX, JobLogBuffer
from tests.fakes import AT

OUT, ERR = LogStream.STDOUT, LogStream.STDERR


class Log:
    """A buffer, and the slots in which a store keeps its pages."""

    def __init__(self) -> None:
        self.buffer = JobLogBuffer()
        self.slots: dict[int, LogPage] = {}

    def record(self, *pieces: bytes, stream: LogStream = OUT) -> None:
        for piece in pieces:
            self.buffer.record(AT, stream, piece)

    def keep(self) -> int:
        """Write the new pages; their number."""
        pages = self.buffer.pages()
        self.slots |= {page.slot: page for page in pages}
        return len(pages)

    def end(self) -> list[str]:
        self.buffer.end(AT)
        self.keep()
        return self.shown()

    def shown(self, *, after: int = 0) -> list[str]:
        return [line.text for line in lines(self.pages(), after=after)]

    def pages(self) -> Iterable[LogPage]:
        return sorted(self.slots.values(), key=lambda page: page.number)


def test_lines_are_kept_as_they_end_and_the_last_one_at_the_end() -> None:
    """Half a line is not shown."""
    log = Log()
    log.record(b"one\ntw")
    log.keep()
    assert log.shown() == ["one"]
    log.record(b"o\nthr")
    assert log.end() == ["one", "two", "thr"]


def test_the_streams_do_not_mix_within_a_line() -> None:
    """Two processes may print at the same time."""
    log = Log()
    log.record(b"a")
    log.record(b"b\n", stream=ERR)
    log.record(b"c\n")
    assert log.end() == ["b", "ac"]


def test_a_carriage_return_before_a_newline_is_one_line_end() -> None:
    """Wherever a read separates the two."""
    log = Log()
    log.record(b"a\r", b"\nb\r\n", b"c\r\r\n")
    assert log.end() == ["a", "b", "c"]


def test_of_a_line_that_is_drawn_again_only_the_last_state_is_kept() -> None:
    """Within a read and across reads, wherever the carriage return stands, on each stream."""
    log = Log()
    log.record(b"before\n\r10%", b"\r20%\r", b"\r", b"30%\r40%", b"\r50%\n", b"after\n")
    log.record(b"10%\r", b"20%\r", b"\n", b"a\rb\r", stream=ERR)
    assert log.end() == ["before", "50%", "after", "20%", "b"]


def test_a_warning_beside_a_progress_bar_is_kept() -> None:
    """An hour of redraws must not push out the one line that matters, nor fill the store."""
    log = Log()
    for number in range(100_000):
        log.record(b"\r%7d/100000 |%s| 99.9it/s" % (number, b"#" * 60))
        if number == 500:
            log.record(b"\nWARNING: look at this\n")
        if number % 1000 == 0:
            assert log.keep() <= 1
    shown = log.end()
    assert [text[:14] for text in shown] == ["    500/100000", "WARNING: look ", "  99999/100000"]
    assert sum(page.size for page in log.pages()) < 1000


def test_states_that_were_drawn_over_leave_no_gap() -> None:
    """They count as not printed: else each bar would be followed by a notice of missing bytes."""
    log = Log()
    log.record(b"1%\r2%\r", b"3%\none\n")
    log.keep()
    log.record(b"1%\r", b"2%\n")
    log.end()
    assert log.shown() == ["3%", "one", "2%"]
    assert [line.end for line in lines(log.pages())] == [3, 7, 10]


@pytest.mark.parametrize(
    "data",
    [
        b"\r" * 16_384,
        b"a\r" * 8192,
        b"\r\n" * 8192,
        b"x" * 16_384,
        b"x\r\n" * 5461,
        b"\ra\n" * 5461,
    ],
    ids=lambda data: ascii(data[:4]),
)
def test_a_read_takes_a_limited_time(data: bytes) -> None:
    """A job may write nothing but carriage returns; the event loop waits for each read."""
    log = Log()
    begun = time.monotonic()
    for _ in range(50):
        log.record(data)
    assert time.monotonic() - begun < 5
    assert len(log.buffer._unended.get(OUT, b"")) <= 8 * 1024


def test_unchanged_pages_are_not_written_again() -> None:
    """A job that prints a line a minute costs a write a minute."""
    log = Log()
    log.record(b"one\n")
    assert (log.keep(), log.keep()) == (1, 0)
    log.record(b"two\n")
    assert (log.keep(), log.shown()) == (1, ["one", "two"])


def test_a_flood_keeps_the_first_and_the_last_lines_and_says_what_is_missing() -> None:
    """However often it is written meanwhile."""
    for keep_every in (1, 7, 10_000):
        log = Log()
        for number in range(10_000):
            log.record(b"%07d %s\n" % (number, b"x" * 91))
            if number % keep_every == 0:
                log.keep()
        shown = log.end()
        assert shown[0].startswith("0000000")
        assert shown[-1].startswith("0009999")
        (missing,) = [text for text in shown if text.endswith("bytes are left out here")]
        kept = [text for text in shown if text != missing]
        assert int(missing.split()[0]) == 100 * (10_000 - len(kept))
        assert kept == sorted(kept)
        assert len(log.slots) <= HEAD_PAGES + TAIL_PAGES


def test_between_two_writes_only_a_limited_amount_is_held() -> None:
    """The store may be unavailable for as long as the job prints."""
    log = Log()
    for _ in range(1000):
        log.record(b"\n" * 16_384)
    held = sum(piece.cost for piece in (*log.buffer._head, *log.buffer._tail))
    assert held < 4 * LINE_BYTES * 16_384 + (HEAD_PAGES + TAIL_PAGES) * PAGE_BYTES


def test_another_attempt_continues_after_the_pages_of_the_last() -> None:
    """All attempts share one limit."""
    log = Log()
    log.record(b"first\n")
    log.end()
    first = log.buffer
    log.buffer = JobLogBuffer()
    log.record(b"second\n")
    log.buffer.continue_after(*log.pages())
    assert log.end() == ["first", "second"]
    assert first.pages() == []


def test_lines_are_shown_from_any_offset() -> None:
    """A client that follows a log asks for what comes after its last line."""
    log = Log()
    log.record(b"one\ntwo\nthree\n")
    log.end()
    (_, second, _) = lines(log.pages())
    assert log.shown(after=second.end) == ["three"]


def last_state(line: str) -> str:
    """What a terminal shows of a line, where each state is as long as the one before."""
    drawn = line.rstrip("\r")
    ending = "\r" if drawn != line else ""
    return drawn.rsplit("\r", 1)[-1] + ending


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(alphabet="aü\n\r", max_size=9000), st.booleans()), max_size=12))
def test_a_short_output_is_kept_whole(pieces: list[tuple[str, bool]]) -> None:
    """In whatever pieces it comes, and whenever it is written."""
    log = Log()
    for text, keep in pieces:
        data = text.encode()
        log.record(data[: len(data) // 2], data[len(data) // 2 :])
        if keep:
            log.keep()
    log.end()
    text = "".join(block.text for page in log.pages() for block in page.blocks)
    whole = "".join(text for text, _ in pieces)
    if all(len(line.encode()) < UNENDED_BYTES_MAX for line in whole.split("\n")):
        whole = "\n".join(map(last_state, whole.split("\n")))
    elif "\r" in whole:
        return  # a long line is cut before it is known whether it will be drawn again
    if len(whole.encode()) + LINE_BYTES * len(whole) < HEAD_PAGES * PAGE_BYTES:
        assert text == whole
    assert "\ufffd" not in text
