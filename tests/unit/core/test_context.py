"""The job context: what a handler reports reaches the node, or is refused in the handler."""

from __future__ import annotations

import pytest

from scheduler import JobAborted, JobContext
from scheduler.core.context import NOTIFY_BYTES_MAX

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


@pytest.mark.parametrize("number", ["3", True, b"3", [3]])
def test_what_is_no_number_is_refused(number: float) -> None:
    """In the handler's own line, where its author sees it."""
    with pytest.raises(TypeError, match="progress: done must be a number"):
        context([]).progress(number)
    with pytest.raises(TypeError, match="progress: total must be a number"):
        context([]).progress(1, number)


def test_done_is_never_unknown() -> None:
    """Progress without it would say nothing."""
    with pytest.raises(TypeError, match="done must be a number, not None"):
        context([]).progress(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 10**400])
def test_a_number_that_json_or_a_float_cannot_hold_is_refused(number: float) -> None:
    """The node and its clients read JSON, and keep progress as a float."""
    with pytest.raises(ValueError, match="progress: done must be finite"):
        context([]).progress(number)
    with pytest.raises(ValueError, match="progress: total must be finite"):
        context([]).progress(1, number)


def test_a_message_is_a_text() -> None:
    """Not any object that has a string form."""
    with pytest.raises(TypeError, match="message must be a string, not 5"):
        context([]).progress(1, 2, 5)  # type: ignore[arg-type]


def test_what_is_refused_is_not_sent() -> None:
    """An incomplete frame would end the job's process."""
    sent: Frames = []
    with pytest.raises(ValueError, match="finite"):
        context(sent).progress(1, float("nan"))
    assert sent == []


def test_a_notification_goes_to_the_hook() -> None:
    """Any JSON value."""
    sent: Frames = []
    context(sent, hook="http://h").notify({"page": [1, None]})
    assert sent == [{"notify": '{"page": [1, null]}'}]


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
        (ENDLESS, ValueError),
        ("x" * NOTIFY_BYTES_MAX, ValueError),
    ],
    ids=["object", "nan", "set", "endless", "too large"],
)
def test_an_impossible_notification_is_refused(
    payload: object, error: type[Exception], hook: str | None
) -> None:
    """In the handler's own line, and nothing is sent; not only where there is a hook."""
    sent: Frames = []
    with pytest.raises(error, match=r"^notify: "):
        context(sent, hook=hook).notify(payload)
    assert sent == []


def test_an_abort_is_not_caught_by_except_exception() -> None:
    """Many handlers log any `Exception` and continue; an aborted job must not continue."""
    assert issubclass(JobAborted, BaseException)
    assert not issubclass(JobAborted, Exception)
