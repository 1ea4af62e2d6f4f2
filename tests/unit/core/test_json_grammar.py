"""Which texts are JSON: against `json` as the judge."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scheduler.core.json_values.grammar import is_json

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
def test_texts_of_values_are_judged_as_json_does(
    value: object, options: dict[str, Any], data: st.DataObject
) -> None:
    """And those with one character less."""
    text = json.dumps(value, **options).replace("Infinity", "1e400")
    assert is_json(text)
    cut = data.draw(st.integers(0, len(text)))
    less = text[:cut] + text[cut + 1 :]
    assert is_json(less) == judged(less)


@pytest.mark.parametrize("part", ["[", '{"a":', '[{"a":', "[[],", "[1e400,"])
def test_a_long_text_takes_a_time_that_grows_with_its_length(part: str) -> None:
    """The node's event loop waits for it. Quadratic, this would take minutes."""
    begun = time.monotonic()
    is_json(part * (1024 * 1024 // len(part)))
    assert time.monotonic() - begun < 20
