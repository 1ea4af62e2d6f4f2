"""What a log line says of a failure, and how it looks on a terminal."""

from __future__ import annotations

import io
import json
import sys

import pytest
import structlog

from scheduler.core.job import Failure, FailureKind
from scheduler.telemetry.failures import (
    MESSAGE_CHARS_MAX,
    WHERE_CHARS_MAX,
    failure_fields,
    where,
)
from scheduler.telemetry.log_lines import configure
from scheduler.telemetry.terminal import RED

TRACEBACK = """Traceback (most recent call last):
  File "/srv/handlers/sums.py", line 12, in sum_up
    return 1 / n
           ~~^~~
ZeroDivisionError: division by zero
"""
ERROR = Failure(
    kind=FailureKind.EXCEPTION,
    type="ZeroDivisionError",
    message="division by zero",
    traceback=TRACEBACK,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(file: io.StringIO, monkeypatch: pytest.MonkeyPatch, error: Failure, **more: str) -> str:
    """The text of a line about a failure."""
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setattr(sys, "argv", ["/srv/main.py"])
    before = structlog.get_config()
    names = {"job": "019ab", "user": "ada", "task": "sum", **more}
    event = names.pop("event", "job terminated")
    try:
        configure(node="a")
        structlog.get_logger().error(event, **names, **failure_fields(error))
    finally:
        structlog.configure(**before)
    return file.getvalue()


def test_a_terminal_shows_what_happened_where_and_how_to_read_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody who runs his first handler need not know where errors are kept."""
    monkeypatch.setenv("NO_COLOR", "1")

    first, *below = logged(Terminal(), monkeypatch, ERROR).splitlines()

    assert "[error    ] job terminated" in first
    assert "message=" not in first, "nothing is said twice"
    assert below == [
        "    ZeroDivisionError: division by zero",
        "    at /srv/handlers/sums.py:12 in sum_up",
        "    main.py show ada/019ab",
    ]


def test_a_failed_clean_up_sends_its_reader_to_the_log_of_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is its traceback: the job itself has ended before, and shows none."""
    text = logged(Terminal(), monkeypatch, ERROR, event="clean-up failed", user="a b")
    assert "main.py logs 'a b/019ab'" in text


def test_the_message_is_red_unless_no_colour_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert f"{RED}ZeroDivisionError" in logged(Terminal(), monkeypatch, ERROR)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in logged(Terminal(), monkeypatch, ERROR)


def test_elsewhere_each_field_is_for_a_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = logged(io.StringIO(), monkeypatch, ERROR).splitlines()

    line = json.loads(text)
    assert (line["level"], line["job"], line["user"], line["task"]) == (
        "error",
        "019ab",
        "ada",
        "sum",
    )
    assert {name: line[name] for name in ("kind", "type", "message", "where")} == {
        "kind": "exception",
        "type": "ZeroDivisionError",
        "message": "division by zero",
        "where": "/srv/handlers/sums.py:12 in sum_up",
    }


@pytest.mark.parametrize("file", [Terminal, io.StringIO])
def test_no_message_begins_a_line_or_acts_on_the_terminal(
    file: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's text in an exception must not forge a line of the log."""
    monkeypatch.setenv("NO_COLOR", "1")
    forged = Failure(
        kind=FailureKind.EXCEPTION,
        type="E\nforged",
        message="\x1b[2J\x9b31m\u202eno\n2026 [info] forged\ttoo",
        traceback='  File "a\x1b[2Jb\u202e", line 1, in f\x1b[2J\nE',
    )

    text = logged(file(), monkeypatch, forged)

    assert not {"\x1b", "\x9b", "\u202e"} & set(text)
    assert not any(
        line.lstrip().startswith(("2026 [info]", "forged")) for line in text.splitlines()
    )


def test_a_line_is_short_whatever_an_exception_says() -> None:
    """A flood of long messages would fill the disk of the log."""
    fields = failure_fields(
        Failure(
            kind=FailureKind.EXCEPTION,
            type="E",
            message="x" * 30_000,
            traceback=f'  File "{"y" * 30_000}", line 7, in f\n',
        )
    )
    assert len(str(fields["message"])) == MESSAGE_CHARS_MAX
    assert len(str(fields["where"])) == WHERE_CHARS_MAX
    assert str(fields["where"]).endswith("y:7 in f")


@pytest.mark.parametrize(
    ("traceback", "place"),
    [
        (TRACEBACK, "/srv/handlers/sums.py:12 in sum_up"),
        ('  + Exception Group\n  |   File "a.py", line 1, in f\n  | E', "a.py:1 in f"),
        ('  File "<string>", line 1\n    x = = 1\nSyntaxError', "<string>:1"),
        ("E: no frames", None),
        ('E: File "half', None),
    ],
)
def test_the_place_is_that_of_the_last_frame(traceback: str, place: str | None) -> None:
    assert where(traceback) == place
