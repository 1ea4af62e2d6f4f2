"""Which texts are JSON, and their values: against `json` as the judge."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduler.core.json_values.grammar import is_json
from scheduler.core.json_values.parsing import integer, loads, parse

JSON = [
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000 + "1" + "}" * 100_000,
    '[{"a":' * 50_000 + "[]" + "}]" * 50_000,
    "1" * 5000,
    "-" + "1" * 5000,
    "1e400",
    '"\\ud800"',
    " [ ] ",
    '\t{ "a" : [ 1 , { } ] }\r\n',
]
NOT_JSON = [
    "",
    " ",
    "[" * 100_000,
    "[" * 2000 + "]" * 1999,
    "[" * 2000 + "]" * 2001,
    "[" * 2000 + "}" * 2000,
    "[" * 2000 + "1,]" + "]" * 1999,
    "[,1]",
    "[1 2]",
    "01",
    "+1",
    "1.",
    ".5",
    "- 1",
    "1e",
    "NaN",
    "Infinity",
    "nul",
    "\u0661",
    '"\ud800"',
    '"a\nb"',
    '"\\x"',
    '"\\u12g4"',
    '"a',
    "{1:2}",
    '{"a"}',
    '{"a":1,}',
    '{"a":1:2}',
    '{,"a":1}',
    '["a":1]',
    "[1],",
    "1,2",
    ",",
    "\ufeff1",
    "\xa01",
    "[]\x00",
]


@pytest.mark.parametrize("text", JSON, ids=lambda text: ascii(text[:20]))
def test_every_json_text_is_one_whatever_its_depth_and_digits(text: str) -> None:
    """A fine result must not be refused by the node that is to store it."""
    assert is_json(text)


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda text: ascii(text[:20]))
def test_nothing_else_is(text: str) -> None:
    """It is spliced into answers: one such text would break a whole list of jobs."""
    assert not is_json(text)
    with pytest.raises(ValueError, match="not JSON"):
        parse(text)


def judged(text: str) -> bool:
    def refuse(name: str) -> object:
        raise ValueError(name)

    try:
        json.loads(text, parse_constant=refuse)
        text.encode()
    except ValueError:
        return False
    return True


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='[]{}:,"\\u0d8e.-+1 \ntrfalsn', max_size=12))
@example('{"a":[1,2.5e-3,"\\n"]}')
def test_short_texts_are_judged_as_json_does(text: str) -> None:
    """Most of them are wrong, in many ways."""
    assert is_json(text) == judged(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(json_values, st.sampled_from([{"indent": 1}, {"ensure_ascii": False}, {}]), st.data())
def test_values_are_read_as_json_reads_them(
    value: object, options: dict[str, Any], data: st.DataObject
) -> None:
    """And a text with one character less is judged as `json` does."""
    text = json.dumps(value, **options).replace("Infinity", "1e400")
    assert is_json(text)
    assert parse(text) == json.loads(text)
    cut = data.draw(st.integers(0, len(text)))
    less = text[:cut] + text[cut + 1 :]
    assert is_json(less) == judged(less)


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


@pytest.mark.parametrize("part", ["[", '{"a":', '[{"a":', "[[],", "[1e400,"])
def test_a_long_text_takes_a_time_that_grows_with_its_length(part: str) -> None:
    """The node's event loop waits for it. Quadratic, this would take minutes."""
    begun = time.monotonic()
    is_json(part * (1024 * 1024 // len(part)))
    assert time.monotonic() - begun < 20
