"""What an exception says of another attempt."""

from __future__ import annotations

import copy
import json

import pytest

from scheduler import GiveUp, Retry, RetryLater
from scheduler.core.retries.declaration import PAUSE_S_MAX
from scheduler.core.retries.overruling import NEVER, advice

ONLY_CONNECTIONS = Retry(5, on=(ConnectionError,))
REFUSED, KEY = ConnectionRefusedError("refused"), KeyError("n")


class Odd(type):
    """A class that nothing can be compared with."""

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("no")


class Unchecked(Exception, metaclass=Odd):
    """An exception of such a class."""


def group(*members: Exception) -> ExceptionGroup[Exception]:
    return ExceptionGroup("several", members)


@pytest.mark.parametrize(
    ("error", "retry", "wanted"),
    [
        (KEY, None, True),
        (KEY, Retry(5), True),
        (KEY, Retry(5, on="crash"), False),
        (KEY, ONLY_CONNECTIONS, False),
        (ConnectionError(), ONLY_CONNECTIONS, True),
        (REFUSED, ONLY_CONNECTIONS, True),
        (group(KEY, REFUSED), ONLY_CONNECTIONS, True),
        (group(KEY, group(REFUSED)), ONLY_CONNECTIONS, True),
        (group(KEY), ONLY_CONNECTIONS, False),
        (group(KEY), Retry(5, on=ExceptionGroup), True),
        (SystemExit(3), Retry(5, on=SystemExit), True),
        (KEY, Retry(5, on=Unchecked), False),
    ],
)
def test_a_class_covers_its_subclasses_and_each_member_of_a_group(
    error: BaseException, retry: Retry | None, *, wanted: bool
) -> None:
    """As `except` and `except*` do."""
    assert advice(error, retry) == (wanted, None)


@pytest.mark.parametrize("retry", [None, ONLY_CONNECTIONS, Retry(5, on=())])
def test_a_handler_may_ask_for_another_attempt_whatever_was_declared(retry: Retry | None) -> None:
    """It knows more: how long the service wants to be left alone."""
    assert advice(RetryLater(after_s=30), retry) == (True, 30)
    assert advice(RetryLater("busy"), retry) == (True, None)
    assert advice(group(KEY, RetryLater(after_s=5), RetryLater(after_s=9)), retry) == (True, 9)


@pytest.mark.parametrize("retry", [None, Retry(5), Retry(5, on=(GiveUp, Exception))])
def test_a_handler_may_give_up_whatever_was_declared(retry: Retry | None) -> None:
    """Also where one of several tasks gives up, and the others would go on."""
    assert advice(GiveUp("no such file"), retry) == NEVER
    assert advice(group(RetryLater(after_s=5), GiveUp("why")), retry) == NEVER


@pytest.mark.parametrize("after_s", [-1, float("inf"), float("nan"), PAUSE_S_MAX + 1])
def test_a_pause_out_of_range_is_refused(after_s: float) -> None:
    with pytest.raises(ValueError, match="RetryLater: after_s must be 0 to 31622400, not"):
        RetryLater(after_s=after_s)


@pytest.mark.parametrize("after_s", ["30", True])
def test_a_pause_that_is_no_number_is_refused(after_s: float) -> None:
    with pytest.raises(TypeError, match="RetryLater: after_s must be a number of seconds, not"):
        RetryLater(after_s=after_s)


def test_both_say_why_and_are_named_as_handlers_import_them() -> None:
    """Their names are what a user reads where the job ends in spite of them."""
    assert str(RetryLater(after_s=30)) == "the handler asked to be run again after 30 s"
    assert str(RetryLater()) == "the handler asked to be run again later"
    assert (str(RetryLater("busy", after_s=1)), str(GiveUp("why"))) == ("busy", "why")
    assert {each.__module__ for each in (RetryLater, GiveUp)} == {"scheduler"}


def test_both_come_out_of_a_process_that_the_handler_started() -> None:
    """`concurrent.futures` pickles what is raised there."""
    later = copy.deepcopy(RetryLater("busy", after_s=7))  # by the same protocol
    assert (str(later), later.after_s) == ("busy", 7)
    assert str(copy.deepcopy(GiveUp("why"))) == "why"


def test_what_is_sent_to_the_node_is_json() -> None:
    """Two facts, and no class."""
    said = advice(RetryLater(after_s=3), None)._asdict()
    assert json.loads(json.dumps(said)) == {"retryable": True, "after_s": 3}
