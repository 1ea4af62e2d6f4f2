"""JSON texts of any depth and with integers of any length are read, as `json` reads others."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atlanscheduler_client import Client, NewJob
from atlanscheduler_client.json_text import integer, loads, parse
from tests.unit.core.test_json_grammar import JSON, NOT_JSON, json_values, judged


@pytest.mark.parametrize("text", [text for text in NOT_JSON if text.isprintable()], ids=ascii)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse(text)


@pytest.mark.parametrize("text", JSON, ids=lambda text: ascii(text[:20]))
def test_what_is_json_is_read_whatever_its_depth_and_digits(text: str) -> None:
    parse(text)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='[]{}:,"\\u0d8e.-+1 \ntrfalsn', max_size=12))
@example('{"a":[1,2.5e-3,"\\n"]}')
def test_short_texts_are_read_as_json_reads_them(text: str) -> None:
    """Most of them are wrong, in many ways."""
    if judged(text):
        assert parse(text) == json.loads(text)
    else:
        with pytest.raises(ValueError, match="not JSON"):
            parse(text)


@settings(max_examples=100, deadline=None)
@given(json_values, st.sampled_from([{"indent": 1}, {"ensure_ascii": False}, {}]))
def test_values_are_read_as_json_reads_them(value: object, options: dict[str, Any]) -> None:
    text = json.dumps(value, **options).replace("Infinity", "1e400")
    assert parse(text) == json.loads(text)


def test_a_long_text_takes_a_time_that_grows_with_its_length() -> None:
    """Quadratic, this would take minutes, and the test would be ended."""
    parse("[" * 500_000 + "]" * 500_000)


def test_what_python_refuses_to_read_is_read() -> None:
    """Any depth and any number of digits, as the node sends them."""
    deep = loads(b'{"a":' + b"[" * 5000 + b"1" + b"]" * 5000 + b"}")["a"]
    for _ in range(5000):
        (deep,) = deep
    assert deep == 1
    assert loads(b"[" + b"7" * 5000 + b',"\\n",1.5,null]') == [integer("7" * 5000), "\n", 1.5, None]
    with pytest.raises(ValueError, match="Expecting"):
        loads(b"<html>")
    with pytest.raises(ValueError, match="utf-8"):
        loads(b'"\xff"')


def test_an_integer_of_any_length_is_exact() -> None:
    """In halves it must be the same number."""
    assert integer("-1" + "0" * 5000 + "7") == -(10**5001 + 7)
    assert integer("0" * 700) == 0
    assert math.log10(integer("9" * 10_000)) == pytest.approx(10_000)


@pytest.mark.parametrize(
    ("data", "place", "kind"),
    [
        ({1, 2}, "/data: a value of the type set", TypeError),
        ({"a/b": [0, {"c": b""}]}, "/data/a~1b/1/c: a value of the type bytes", TypeError),
        ({(1, 2): 3}, "/data: the key (1, 2)", TypeError),
        ([1.5, float("nan")], "/data/1: nan", ValueError),
        (["\ud800"], "/data/0: half of a surrogate pair", ValueError),
        ({"\udfff": 1}, "/data: the key '\\udfff'", ValueError),
    ],
)
def test_what_is_no_json_is_named_with_its_place(
    data: object, place: str, kind: type[Exception]
) -> None:
    """`data` may be large: without the place, the user has to search all of it."""
    with pytest.raises(kind) as refused:
        Client(retry_s=0).submit("ada", "t", data)
    assert str(refused.value) == (
        f"{place} is not JSON; allowed are None, bool, int, finite float, str, list, tuple, and "
        "dict whose keys are str"
    )


def test_of_several_jobs_the_one_is_named() -> None:
    """Which of a thousand jobs it is, nobody wants to find out by trying."""
    jobs = [NewJob(uid="ada", task="t"), NewJob(uid="ada", task="t", data=[object()])]
    with pytest.raises(TypeError, match=r"^/1/data/0: a value of the type object is not JSON"):
        Client(retry_s=0).submit_all(jobs)


def test_a_list_that_is_in_itself_is_refused() -> None:
    """The search for the place must not go round for ever."""
    data: list[object] = []
    data.append(data)
    with pytest.raises(ValueError, match=r"[Cc]ircular"):
        Client(retry_s=0).submit("ada", "t", data)
