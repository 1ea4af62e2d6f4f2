"""A buffer: what is kept of what an attempt prints, and how much work the rest is."""

from __future__ import annotations

from collections.abc import Iterable

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
from scheduler.worker.job_log_buffer import JobLogBuffer
from tests.fakes import AT

OUT, ERR = LogStream.STDOUT, LogStream.STDERR


class Log:
    """The slots in which a store keeps the pages of a buffer."""

    def __init__(self) -> None:
        self.buffer = JobLogBuffer()
        self.slots: dict[int, LogPage] = {}

    def hear(self, *pieces: bytes, stream: LogStream = OUT) -> None:
        for piece in pieces:
            self.buffer.record(AT, stream, piece)

    def keep(self) -> int:
        """Write what is new; how many pages that were."""
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
    """A line that is half there is not half shown."""
    log = Log()
    log.hear(b"one\ntw")
    log.keep()
    assert log.shown() == ["one"]
    log.hear(b"o\nthr")
    assert log.end() == ["one", "two", "thr"]


def test_the_streams_do_not_mix_within_a_line() -> None:
    """Two processes may print at once."""
    log = Log()
    log.hear(b"a")
    log.hear(b"b\n", stream=ERR)
    log.hear(b"c\n")
    assert log.end() == ["b", "ac"]


def test_a_return_before_a_newline_is_one_end() -> None:
    """Wherever the two are torn apart."""
    log = Log()
    log.hear(b"a\r", b"\nb\r", b"c\r\n")
    assert log.end() == ["a", "b", "c"]


def test_what_did_not_change_is_not_written_again() -> None:
    """A job that prints a line a minute costs a write a minute."""
    log = Log()
    log.hear(b"one\n")
    assert (log.keep(), log.keep()) == (1, 0)
    log.hear(b"two\n")
    assert (log.keep(), log.shown()) == (1, ["one", "two"])


def test_a_flood_keeps_the_first_and_the_last_lines_and_says_what_is_missing() -> None:
    """However often it is written in between."""
    for keep_every in (1, 7, 10_000):
        log = Log()
        for number in range(10_000):
            log.hear(b"%07d %s\n" % (number, b"x" * 91))
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


def test_between_two_writes_little_is_held_of_much() -> None:
    """The store may be away for as long as the job prints."""
    log = Log()
    for _ in range(1000):
        log.hear(b"\n" * 16_384)
    held = sum(piece.cost for piece in (*log.buffer._head, *log.buffer._tail))
    assert held < 4 * LINE_BYTES * 16_384 + (HEAD_PAGES + TAIL_PAGES) * PAGE_BYTES


def test_another_attempt_goes_on_behind_the_pages_of_the_last() -> None:
    """All attempts share one bound."""
    log = Log()
    log.hear(b"first\n")
    log.end()
    first = log.buffer
    log.buffer = JobLogBuffer()
    log.hear(b"second\n")
    log.buffer.follow(*log.pages())
    assert log.end() == ["first", "second"]
    assert first.pages() == []


def test_lines_are_shown_from_any_place_on() -> None:
    """Who follows a log asks for what comes after the last line he has."""
    log = Log()
    log.hear(b"one\ntwo\nthree\n")
    log.end()
    (_, second, _) = lines(log.pages())
    assert log.shown(after=second.end) == ["three"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(alphabet="aü\n\r", max_size=9000), st.booleans()), max_size=12))
def test_what_is_little_is_kept_whole(pieces: list[tuple[str, bool]]) -> None:
    """Whatever the pieces, and whenever they are written."""
    log = Log()
    for text, keep in pieces:
        data = text.encode()
        log.hear(data[: len(data) // 2], data[len(data) // 2 :])
        if keep:
            log.keep()
    log.end()
    text = "".join(block.text for page in log.pages() for block in page.blocks)
    whole = "".join(text for text, _ in pieces)
    if len(whole.encode()) + LINE_BYTES * len(whole) < HEAD_PAGES * PAGE_BYTES:
        assert text == whole
    assert "\ufffd" not in text
