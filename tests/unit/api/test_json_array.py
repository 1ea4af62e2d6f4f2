"""The elements of an array are where a parser finds them, and nothing is searched for long."""

from __future__ import annotations

import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.api.requests.json_array import BYTES, Element, elements
from scheduler.api.requests.json_text import parse
from scheduler.core.errors import Invalid, TooLarge

MB = 1024 * 1024
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text('\\"[]{},: \né', max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('"]', max_size=2), inner),
    max_leaves=20,
)


def _found(text: bytes, bytes_max: int = MB) -> list[bytes]:
    found = (each for each in elements(text, bytes_max=bytes_max) if each is not None)
    return [text[each.start : each.end] for each in found]


def _parsed(text: bytes) -> list[object]:
    found = (each for each in elements(text, bytes_max=MB) if each is not None)
    return [parse(text, each.start, each.end) for each in found]


@given(st.lists(VALUES, max_size=6), st.sampled_from([0, orjson.OPT_INDENT_2]))
def test_elements_are_those_that_a_parser_finds(values: list[object], layout: int) -> None:
    text = orjson.dumps(values, option=layout)

    assert [orjson.loads(each) for each in _found(b" \n" + text + b"\r\n")] == values


@given(st.text('[]{},:"\\ 1a', max_size=12))
def test_what_is_no_array_is_found_by_the_search_or_by_the_parser(inner: str) -> None:
    """So taking an array apart accepts nothing that a parser would refuse."""
    text = f"[{inner}".encode()
    try:
        values = _parsed(text)
    except Invalid:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text)
    else:
        assert orjson.loads(text) == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[1 2]", "not JSON: unexpected content after document at line 1, column 4"),
        (b"[{} {}]", "not JSON: expected ',' or ']' at line 1, column 5"),
        (b"[{}\n}", "not JSON: expected ',' or ']' at line 2, column 1"),
        (b"[{}", "not JSON: expected ',' or ']' at line 1, column 4"),
        (b"[{", "not JSON: unexpected end of data at line 1, column 3"),
        (b'[{"a', "not JSON: unexpected end of data at line 1, column 5"),
        (b'["a', "not JSON: unexpected end of data at line 1, column 4"),
        (b"[{}]\n x", "not JSON: unexpected content after document at line 2, column 2"),
        (b"[] 1", "not JSON: unexpected content after document at line 1, column 4"),
        (b'[1,\n "\xc3\xa9", tru]', "unexpected end of data at line 2, column 10"),
        (b'[1,\n "\xff"]', "not UTF-8 at line 2, column 3"),
        (b"[1,\n 99999999999999999999]", "an integer of 20 digits at line 2, column 2"),
    ],
)
def test_what_is_wrong_is_named_with_its_place_in_the_whole(text: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=re.escape(said)):
        _parsed(text)


@pytest.mark.parametrize(
    "long", [b"[" + b"1," * 50 + b"1]", b'"' + b"x" * 100, b"1" * 101, b"[" * 101]
)
def test_an_element_that_is_too_long_is_refused(long: bytes) -> None:
    """Its parser could not pause."""
    with pytest.raises(TooLarge, match="/1 is longer than 100 bytes"):
        _found(b"[7," + long + b"   " * 100 + b"]", 100)


@pytest.mark.parametrize("unit", [b"[]", b'""', b'{"a":[{"b":[[]]}]}', b"[[[[[[]]]]]]"])
def test_the_search_can_pause_all_the_time(unit: bytes) -> None:
    text = b"[[" + b",".join([unit] * (MB // (len(unit) + 1) - 2)) + b"]]"
    pauses = sum(each is None for each in elements(text, bytes_max=2 * MB))

    assert pauses >= len(text) // (4 * BYTES)


def test_blanks_do_not_count() -> None:
    """A body that is laid out for people is as long as it likes, within the size of all."""
    text = b"[" + b" " * 1000 + b"[7]" + b"\n" * 1000 + b"]"

    assert list(elements(text, bytes_max=10)) == [Element(1001, 1004)]
