"""What a handler may say of its retries, and how a wrong value is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from scheduler import Retry, handler
from scheduler.core.errors import StartError
from scheduler.core.handler import HandlerOptions
from scheduler.core.retries.declaration import ATTEMPTS_MAX, PAUSE_S_MAX, RetryRule
from scheduler.processes.child.loading.importing import load

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"max_attempts": 0}, "max_attempts must be 1 to 1000, not 0"),
    ({"max_attempts": ATTEMPTS_MAX + 1}, "max_attempts must be 1 to 1000, not 1001"),
    ({"max_attempts": True}, "max_attempts must be a whole number, not True"),
    ({"max_attempts": 2.5}, "max_attempts must be a whole number, not 2.5"),
    ({"max_attempts": 2, "backoff_s": -1}, "backoff_s must be 0 to 31622400, not -1"),
    ({"max_attempts": 2, "backoff_s": float("nan")}, "backoff_s must be 0 to 31622400, not nan"),
    ({"max_attempts": 2, "backoff_s": "10"}, "backoff_s must be a number of seconds, not '10'"),
    ({"max_attempts": 2, "backoff_max_s": PAUSE_S_MAX + 1}, "backoff_max_s must be 0 to"),
    ({"max_attempts": 2, "backoff_s": 9, "backoff_max_s": 5}, "must be at least backoff_s"),
    ({"max_attempts": 2, "on": ("crsh",)}, "on has 'crsh'; allowed: 'exception', 'crash'"),
    ({"max_attempts": 2, "on": ("lost",)}, "on has 'lost'; allowed:"),
    ({"max_attempts": 2, "on": "unknown_task"}, "on has 'unknown_task'; allowed:"),
    ({"max_attempts": 2, "on": (int,)}, "on has <class 'int'>; allowed:"),
    ({"max_attempts": 2, "on": None}, "on has None; allowed:"),
]


def test_what_is_left_out_is_ten_seconds_doubled_up_to_an_hour_after_all_but_results() -> None:
    """A result that is refused is refused again, and a handler that is unknown says nothing."""
    rule = Retry(5).rule

    assert (rule.max_attempts, rule.backoff_s, rule.backoff_max_s) == (5, 10, 3600)
    assert rule.on == ("exception", "crash", "timeout")


def test_kinds_and_classes_may_be_mixed_and_one_may_stand_alone() -> None:
    """Nobody should have to know that a tuple of one needs a comma."""
    mixed = Retry(2, on=["timeout", ConnectionError, "timeout", json.JSONDecodeError])

    assert mixed.kinds == {"timeout"}
    assert mixed.classes == (ConnectionError, json.JSONDecodeError)
    assert mixed.rule.on == ("timeout", "ConnectionError", "json.decoder.JSONDecodeError")
    assert Retry(2, on="crash").kinds == {"crash"}
    assert Retry(2, on=OSError).classes == (OSError,)
    assert Retry(2, on=()).rule.on == ()


@pytest.mark.parametrize(("values", "told"), WRONG)
def test_a_wrong_value_is_refused_and_named(values: dict[str, Any], told: str) -> None:
    """Not when the first job fails."""
    with pytest.raises((TypeError, ValueError)) as refused:
        Retry(**values)

    assert str(refused.value).startswith("Retry: ")
    assert told in str(refused.value)


@pytest.mark.usefixtures("fresh_handlers")
def test_a_wrong_value_stops_the_start_with_file_and_line(tmp_path: Path) -> None:
    """Like all that is wrong with a handler's file."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "a.py").write_text(
        "from scheduler import Retry, handler\n"
        "@handler('x', retry=Retry(max_attempts=0))\n"
        "def f(data): ...\n",
        encoding="utf-8",
    )

    with pytest.raises(StartError, match=r"a\.py:2: .*max_attempts must be 1 to 1000, not 0"):
        load(folder)


def test_a_retry_that_is_none_is_refused() -> None:
    """A number alone does not say whether it counts attempts or retries."""
    with pytest.raises(TypeError, match=r"retry must be a Retry, such as Retry\(5\), not 5"):
        handler("x", retry=5)  # type: ignore[arg-type]


def test_the_node_gets_the_rule_as_json() -> None:
    """The classes stay in the pool process: nothing is pickled."""
    rule = Retry(3, on=("crash", KeyError)).rule
    options = HandlerOptions(name="x", retry=rule)

    assert HandlerOptions.of(json.loads(json.dumps(asdict(options)))) == options
    plain = HandlerOptions(name="x")
    assert HandlerOptions.of(json.loads(json.dumps(asdict(plain)))) == plain
    assert isinstance(rule, RetryRule)
