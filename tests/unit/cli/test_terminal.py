"""What the commands print: texts of users are shown, and never act on the terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from atlanscheduler_client import LogLine
from scheduler.cli.terminal import print_error, print_json, print_log_line

HARMFUL = "a\x9b31mb\u202ec\u2066d\u200fe\x7f"
ACTING = set("\x9b\u202e\u2066\u200f\x7f")


def test_json_is_escaped_and_means_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` is printed to terminals, too."""
    for value in (HARMFUL, {HARMFUL: [HARMFUL]}, {"deep": 2**70, "text": HARMFUL}):
        print_json(value)
        shown = capsys.readouterr().out
        assert not ACTING & set(shown)
        assert json.loads(shown) == value


def test_errors_and_log_lines_on_a_terminal_have_marks_instead(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that reads backwards says something else than what was printed."""
    print_error(HARMFUL)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_log_line(LogLine(at=datetime(2026, 3, 1, tzinfo=UTC), stream="stdout", text=HARMFUL))
    shown = capsys.readouterr()
    for text in (shown.err, shown.out):
        assert "a\N{REPLACEMENT CHARACTER}31mb\N{REPLACEMENT CHARACTER}c" in text
        assert not ACTING & set(text)
