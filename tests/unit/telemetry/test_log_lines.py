"""Log lines: losing some is better than ending the node."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
from datetime import datetime
from typing import cast

import pytest
import structlog

from scheduler.telemetry.log_lines import LossyWriter, configure


@pytest.mark.parametrize("place", ["a full disk", "a closed pipe"])
def test_a_line_that_cannot_be_written_is_dropped_and_harms_nothing(place: str) -> None:
    """The log is often on the disk that is full, and the reader of a pipe may have exited."""
    if place == "a full disk":
        file = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, file = os.pipe()
        os.close(reader)
    unbuffered = cast("io.BufferedWriter", io.FileIO(file, "w"))
    with io.TextIOWrapper(unbuffered, write_through=True) as broken:
        with pytest.raises(OSError, match=r"No space|Broken pipe"):
            broken.write("a line\n")

        LossyWriter(broken).msg("a line")


async def test_the_lines_of_one_iteration_of_the_loop_are_written_together() -> None:
    """If fifty jobs end together, fifty writes would cost more than the jobs."""

    class Counted(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    file = Counted()
    writer = LossyWriter(file)
    writer.info("one")
    writer.warning("two")
    assert file.writes == 0
    await asyncio.sleep(0)
    assert (file.getvalue(), file.writes) == ("one\ntwo\n", 1)
    writer.error("three")
    await asyncio.sleep(0)
    assert file.getvalue() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("word", ["plain", "\ud800"])
def test_a_line_has_its_time_by_rfc_3339_whatever_else_it_says(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if something in it is not Unicode, so that the fast encoder refuses it."""
    monkeypatch.setattr(sys, "stderr", file := io.StringIO())
    before = structlog.get_config()
    try:
        configure(node="a")
        structlog.get_logger().info("said", word=word)
    finally:
        structlog.configure(**before)
    line = json.loads(file.getvalue())
    assert line["word"] == word
    assert line["timestamp"].endswith("Z")
    datetime.strptime(line["timestamp"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - it says Z


HARMFUL = "a\x9b31mb\u202ec\x1b[2Jd\x7f"


@pytest.mark.parametrize("on_terminal", [True, False])
@pytest.mark.parametrize("word", ["", "\ud800"])
def test_a_line_cannot_act_on_the_terminal_of_the_operator(
    *, on_terminal: bool, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users choose names, reasons and addresses that come into the log."""

    class File(io.StringIO):
        def isatty(self) -> bool:
            return on_terminal

    monkeypatch.setattr(sys, "stderr", file := File())
    before = structlog.get_config()
    try:
        configure(node="a")
        structlog.get_logger().info(f"said {HARMFUL}", user=HARMFUL, more=[HARMFUL], word=word)
    finally:
        structlog.configure(**before)
    text = file.getvalue()
    assert not {"\x9b", "\u202e", "\x7f"} & set(text)
    assert "\x1b[2J" not in text
    assert "\\u202e" in text
    if not on_terminal:
        line = json.loads(text)
        assert (line["user"], line["more"]) == (HARMFUL, [HARMFUL])


def test_no_line_of_a_traceback_looks_like_one_of_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its message may quote what a user has sent."""

    class File(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", file := File())
    before = structlog.get_config()
    try:
        configure(node="a")
        structlog.get_logger().error("failed", exc_info=ValueError("sent:\nforged line\n\nmore"))
    finally:
        structlog.configure(**before)
    first, *others = file.getvalue().rstrip("\n").split("\n")
    assert "failed" in first
    assert [line for line in others if not line.startswith("    ")] == []
    assert "    forged line" in others
