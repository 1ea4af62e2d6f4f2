"""The limiters of a job: the same for equal keys, others for others, none without a value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.handler import HandlerOptions
from scheduler.core.job import JsonText
from scheduler.core.limits.declaration import Limit, Throttle
from scheduler.core.limits.limiters import KEY_CHARACTERS_MAX, limiters_of, rules_of, throttle_of


def options(*by: str, name: str = "x", jobs_max: int = 1) -> HandlerOptions:
    return HandlerOptions(name=name, limit=(Limit(jobs_max, by=by).rule,))


def key(*by: str, uid: str = "ada", data: Any = None, name: str = "x") -> str | None:  # noqa: ANN401
    """The key of a job's only limiter, if it has one."""
    return key_of(*by, uid=uid, data=json.dumps(data), name=name)


def key_of(*by: str, uid: str = "ada", data: str, name: str = "x") -> str | None:
    found = limiters_of(options(*by, name=name), uid=uid, data=JsonText(data))
    return next((each.key for each in found), None)


def test_a_key_can_be_read() -> None:
    """An operator finds it in a log and in the database."""
    found = key("uid", "/customer", data={"customer": "acme"})

    assert found == '["x","limit",["uid","/customer"],["ada","acme"]]'


def test_jobs_of_one_key_are_in_one_limiter_whoever_submits_them() -> None:
    assert key("task", uid="ada") == key("task", uid="bob")
    assert key("/c", uid="ada", data={"c": 1}) == key("/c", uid="bob", data={"c": 1, "d": 2})
    assert key("uid", uid="ada") != key("uid", uid="bob")
    assert key("/c", data={"c": {"a": 1, "b": 2}}) == key("/c", data={"c": {"b": 2, "a": 1}})


def test_two_handlers_have_no_limiter_in_common() -> None:
    assert key("uid", name="x") != key("uid", name="y")


def test_how_many_may_run_is_no_part_of_a_key() -> None:
    """Else a limit that is changed would be a new one, and jobs of both would run at once."""
    one, two = options("uid"), options("uid", jobs_max=2)

    assert limiters_of(one, uid="a", data=JsonText("1"))[0].key in {
        limiter.key for limiter in limiters_of(two, uid="a", data=JsonText("1"))
    }
    assert set(rules_of({"x": one})) == set(rules_of({"x": two}))


@pytest.mark.parametrize(
    ("pointer", "data"),
    [
        ("/c", None),
        ("/c", {}),
        ("/c", {"c": None}),
        ("/c", []),
        ("/c", "c"),
        ("/c/d", {"c": "d"}),
        ("/1", ["a"]),
        ("/01", ["a", "b"]),
        ("/-", ["a"]),
        ("/99999999999", ["a"]),
        ("/²", ["a", "b", "c"]),
    ],
)
def test_a_pointer_that_leads_nowhere_or_to_null_makes_no_limiter(
    pointer: str, data: object
) -> None:
    """All those jobs would wait for each other."""
    assert key(pointer, data=data) is None
    assert key("uid", pointer, data=data) is None


@pytest.mark.parametrize(
    ("pointer", "data"),
    [
        ("/a~1b", {"a/b": 7}),
        ("/m~0n", {"m~n": 7}),
        ("/~01", {"~1": 7}),
        ("/", {"": 7}),
        ("/a/1/b", {"a": [0, {"b": 7}]}),
        ("/0", {"0": 7}),
    ],
)
def test_pointers_are_followed_as_the_rfc_says(pointer: str, data: object) -> None:
    assert key(pointer, data=data) == key("/v", data={"v": 7}).replace('"/v"', json.dumps(pointer))  # type: ignore[union-attr]


@given(first=st.from_type(int) | st.text() | st.booleans(), second=st.integers() | st.text())
def test_other_values_make_other_keys(first: object, second: object) -> None:
    same = json.dumps(first) == json.dumps(second)

    assert (key("/v", data={"v": first}) == key("/v", data={"v": second})) == same


def test_a_key_is_short_and_what_a_database_takes() -> None:
    """An index has a greatest size of its rows, and PostgreSQL no text with a NUL."""
    long = [key("/v", data={"v": letter * 1_000_000}) for letter in "ab"]
    odd = key("/v", data={"v": "\0\ud800ü"})

    assert all(each is not None and len(each) < KEY_CHARACTERS_MAX + 100 for each in long)
    assert long[0] != long[1]
    assert odd is not None
    assert odd.isascii()
    assert odd.isprintable()


def test_data_that_is_too_deep_has_no_key() -> None:
    """It is JSON, and its jobs run; only that no key is found in it."""
    assert key_of("/a", data="[" * 100_000 + "]" * 100_000) is None


def test_the_limiter_of_a_throttle_is_found() -> None:
    both = HandlerOptions(
        name="x", limit=(Limit(1).rule,), throttle=Throttle(2, per_s=1, by="/c").rule
    )

    limiter = throttle_of(both, uid="ada", data=JsonText('{"c": 1}'))

    assert limiter is not None
    assert (limiter.jobs_max, limiter.interval_us, limiter.slack_us) == (None, 500_000, 0)
    assert throttle_of(both, uid="ada", data=JsonText("{}")) is None
    assert throttle_of(options("uid"), uid="ada", data=JsonText("{}")) is None
