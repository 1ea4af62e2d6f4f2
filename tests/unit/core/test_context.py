"""The job context: what a handler reports reaches the node, or is refused in the handler."""

from __future__ import annotations

import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from scheduler import JobAborted, JobContext
from scheduler.core.context import NOTIFY_BYTES_MAX, Number

Frames = list[dict[str, object]]

ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


def context(sent: Frames, *, hook: str | None = None) -> JobContext:
    return JobContext(id="1", uid="u", attempt=2, hook=hook, send=sent.append)


def test_a_handler_can_read_which_job_and_user_it_runs_for() -> None:
    """The public contract names these four attributes."""
    job = context([], hook="http://h")
    assert (job.id, job.uid, job.attempt, job.hook) == ("1", "u", 2, "http://h")


def test_progress_is_sent_as_given() -> None:
    """In the handler's own units."""
    sent: Frames = []
    context(sent).progress(3, 10.5, "c.png")
    assert sent == [{"progress": {"done": 3, "total": 10.5, "message": "c.png"}}]


def test_total_and_message_may_be_unknown() -> None:
    """A handler that reads a stream does not know its length."""
    sent: Frames = []
    context(sent).progress(3)
    assert sent == [{"progress": {"done": 3, "total": None, "message": None}}]


class Index:
    """A number of another library."""

    def __index__(self) -> int:
        return 7


class Silent:
    """An object without a text, and no number though it says so."""

    def __str__(self) -> str:
        raise ValueError

    __repr__ = __str__

    def __float__(self) -> float:
        raise ValueError


@pytest.mark.parametrize(
    ("number", "taken"),
    [
        (Index(), 7),
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (True, 1),
        (2**63, float(2**63)),
        (10**300, 1e300),
        (-1, -1),
        (0, 0),
    ],
)
def test_whatever_python_can_count_with_is_a_number(number: Number, taken: float) -> None:
    """A handler counts with what its library gives it, and knows no better than that."""
    sent: Frames = []
    context(sent).progress(number, number)
    assert sent == [{"progress": {"done": taken, "total": taken, "message": None}}]


NO_NUMBERS = ["3", {3}, None, Silent(), float("nan"), -float("inf"), 10**400, Decimal("NaN")]


@pytest.mark.parametrize("number", NO_NUMBERS, ids=lambda number: type(number).__name__)
def test_what_is_no_number_is_left_out_and_the_log_says_so_once(
    number: Number, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hours of work must not be lost because the total of a progress bar was unknown."""
    sent: Frames = []
    job = context(sent)
    for _ in range(3):
        job.progress(number)
    job.progress(1, number)
    assert sent == [{"progress": {"done": 1, "total": None, "message": None}}]
    (line,) = capsys.readouterr().err.splitlines()
    assert "job.progress: done must be a finite number" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("message", "shown"),
    [(Path("/a/b"), "/a/b"), (5, "5"), (Silent(), "Silent"), ("x" * 5000, "x" * 1000), ("", "")],
)
def test_a_message_is_the_text_of_what_is_given(message: object, shown: str) -> None:
    """A path is what most handlers are at."""
    sent: Frames = []
    context(sent).progress(1, 2, message)
    assert sent == [{"progress": {"done": 1, "total": 2, "message": shown}}]


def test_a_closed_standard_error_does_not_end_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress never does."""
    monkeypatch.setattr(sys, "stderr", None)
    context([]).progress(float("nan"))


def test_a_notification_goes_to_the_hook() -> None:
    """Any JSON value."""
    sent: Frames = []
    context(sent, hook="http://h").notify({"page": [1, None]})
    assert sent == [{"notify": '{"page":[1,null]}'}]


def test_without_a_hook_a_notification_goes_nowhere() -> None:
    """A handler need not check whether there is a hook."""
    sent: Frames = []
    context(sent).notify({"page": 1})
    assert sent == []


@pytest.mark.parametrize("hook", ["http://h", None])
@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (object(), TypeError),
        (float("nan"), ValueError),
        ({1, 2}, TypeError),
        ({1: 1, "1": 2}, ValueError),
        ("\ud800", ValueError),
        (ENDLESS, ValueError),
        ("x" * NOTIFY_BYTES_MAX, ValueError),
    ],
    ids=["object", "nan", "set", "keys", "surrogate", "endless", "too large"],
)
def test_an_impossible_notification_is_refused(
    payload: object, error: type[Exception], hook: str | None
) -> None:
    """In the handler's own line, and nothing is sent; not only where there is a hook."""
    sent: Frames = []
    with pytest.raises(error, match=r"^notify: "):
        context(sent, hook=hook).notify(payload)
    assert sent == []


def test_a_notification_may_hold_what_a_result_may() -> None:
    """One rule for all that a handler gives away."""
    sent: Frames = []
    context(sent, hook="http://h").notify({"total": Decimal("1.10"), "file": Path("/a")})
    assert sent == [{"notify": '{"total":"1.10","file":"/a"}'}]


def test_a_refused_notification_names_the_place() -> None:
    """By a JSON pointer."""
    with pytest.raises(TypeError, match=r"notify: .*: /a/1 is a set; return a sorted list"):
        context([]).notify({"a": [1, {2}]})


def test_an_abort_is_not_caught_by_except_exception() -> None:
    """Many handlers log any `Exception` and continue; an aborted job must not continue."""
    assert issubclass(JobAborted, BaseException)
    assert not issubclass(JobAborted, Exception)


def test_a_throttle_is_closed_by_a_frame_to_the_node() -> None:
    sent: list[dict[str, object]] = []
    job = JobContext(id="1", uid="u", attempt=1, hook=None, send=sent.append, throttled=True)

    job.throttle(30)

    assert sent == [{"throttle": 30.0}]


def test_a_handler_without_a_throttle_is_told_that_it_has_none() -> None:
    """Else its author believes that others wait."""
    sent: list[dict[str, object]] = []

    with pytest.raises(RuntimeError, match=r"throttle: this handler has none .*throttle=Throttle"):
        context(sent).throttle(30)

    assert sent == []


@pytest.mark.parametrize("after_s", [-1, float("inf"), float("nan"), 4e7, True, "30", None])
def test_a_throttle_is_closed_for_a_number_of_seconds(after_s: Any) -> None:  # noqa: ANN401
    with pytest.raises((TypeError, ValueError), match="throttle: after_s must be"):
        context([]).throttle(after_s)
