"""Values as JSON text: what is taken, how it is written, and where a refused one is wrong."""

from __future__ import annotations

import json
import math
import sys
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum
from pathlib import Path, PureWindowsPath
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attr
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.json_values.encoding import encode
from scheduler.core.json_values.refusing import POINTER_MAX, REPR_MAX, NotJson, shown
from scheduler.core.json_values.writing import TooLong, Writer

BYTES_MAX = 1024 * 1024
ONE = UUID(int=1)


def text_of(value: object) -> str:
    return encode(value, bytes_max=BYTES_MAX).decode()


def refusal(value: object) -> NotJson:
    with pytest.raises(NotJson) as refused:
        encode(value, bytes_max=BYTES_MAX)
    return refused.value


class Colour(Enum):
    RED = Decimal("1.10")
    NESTED = date(2026, 1, 2)


class Level(IntEnum):
    LOW = 1


class Name(StrEnum):
    ADA = "ada"


class Rights(Flag):
    READ = 1


class Point(NamedTuple):
    x: float
    y: object


@dataclass
class Row:
    when: object
    rows: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Slotted:
    a: object
    b: int = field(init=False)


@attr.define
class Attrs:
    path: Path


class Model(pydantic.BaseModel):
    at: datetime
    price: Decimal


class Money(Decimal):
    """A Decimal with a name."""


class Unreadable(UserDict[str, int]):
    def items(self) -> Any:  # noqa: ANN401
        raise KeyError("no items")


TAKEN: list[tuple[object, object]] = [
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
    (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-2))), "2026-01-02T00:00:00-02:00"),
    (datetime(2026, 1, 2, tzinfo=timezone(timedelta(seconds=61))), "2026-01-01T23:58:59+00:00"),
    (datetime(2026, 1, 2, 3, 4, 5, 6), "2026-01-02T03:04:05.000006"),  # noqa: DTZ001
    (date(2026, 1, 2), "2026-01-02"),
    (time(3, 4), "03:04:00"),
    (time(3, 4, tzinfo=UTC), "03:04:00+00:00"),
    (Decimal("1.10"), "1.10"),
    (Money("-0"), "-0"),
    (ONE, str(ONE)),
    (Path("/a/ü"), "/a/ü"),
    (PureWindowsPath("c:/a"), "c:\\a"),
    (Colour.RED, "1.10"),
    (Colour.NESTED, "2026-01-02"),
    (Level.LOW, 1),
    (Name.ADA, "ada"),
    (Rights.READ, 1),
    (Point(1.5, ONE), [1.5, str(ONE)]),
    (Row(ONE, [Row(None)]), {"when": str(ONE), "rows": [{"when": None, "rows": []}]}),
    (Attrs(Path("a")), {"path": "a"}),
    (Model(at=datetime(2026, 1, 2, tzinfo=UTC), price=Decimal("1.10")),
     {"at": "2026-01-02T00:00:00Z", "price": "1.10"}),
    (Row(Model(at=datetime(2026, 1, 2, tzinfo=UTC), price=Decimal(1))),
     {"when": {"at": "2026-01-02T00:00:00Z", "price": "1"}, "rows": []}),
    (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
    (Counter("aab"), {"a": 2, "b": 1}),
    (UserDict(a=ONE), {"a": str(ONE)}),
    (ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    (UserList([1]), [1]),
    (deque([1, 2]), [1, 2]),
    (range(3), [0, 1, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "means"), TAKEN, ids=lambda each: type(each).__name__)
def test_what_has_one_obvious_form_is_taken(value: object, means: object) -> None:
    """Handlers return what their libraries give them; alone, within others, and as often as met."""
    for whole, expected in ((value, means), ([{"a": value}, value], [{"a": means}, means])):
        text = text_of(whole)
        assert json.loads(text) == expected
        assert text == json.dumps(expected, ensure_ascii=False, separators=(",", ":"))


def generator() -> Iterator[int]:
    yield 1


REFUSED: list[tuple[object, str]] = [
    ({1}, "a set; return a sorted list"),
    (frozenset({1}), "a frozenset; return"),
    (b"x", "a bytes; decode it"),
    (bytearray(b"x"), "a bytearray; decode it"),
    (memoryview(b"x"), "a memoryview; decode it"),
    (generator(), "a generator; return a list"),
    ({}.values(), "a dict_values; return a list"),
    (timedelta(1), "a datetime.timedelta; return its .total_seconds()"),
    (object(), "an object; allowed are JSON's own types, dates and times"),
    (1j, "a complex; allowed are"),
    (int, "a type; allowed are"),
    (Row, "a type; allowed are"),
    (float("nan"), "nan, which JSON does not have"),
    (-math.inf, "-inf, which JSON does not have"),
    (Decimal("NaN"), "NaN, which JSON does not have"),
    (Decimal("-Infinity"), "-Infinity, which"),
    ("\ud800", "text with a lone surrogate"),
    (Path("\udcff"), "text with a lone surrogate"),
    (time(3, 4, tzinfo=ZoneInfo("Europe/Berlin")), "a time whose zone has no offset"),
]


@pytest.mark.parametrize(("value", "told"), REFUSED, ids=lambda each: type(each).__name__)
def test_what_has_no_obvious_form_is_refused_with_its_place(value: object, told: str) -> None:
    """Among a million rows, nobody finds "a set" without it."""
    refused = refusal({"rows": [1, {"a/b~": Row(value)}]})
    assert refused.pointer == "/rows/1/a~1b~0/when"
    assert str(refused).startswith(f"/rows/1/a~1b~0/when is {told}")
    assert str(refusal(value)).startswith(f"it is {told}")


def test_a_pandas_table_is_refused_with_what_to_return() -> None:
    """It has several forms: pandas itself has six of them."""
    table = type("DataFrame", (), {"__module__": "pandas.core.frame"})()
    assert str(refusal([table])) == (
        '/0 is a pandas.core.frame.DataFrame; return its .to_dict("records")'
    )


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ([1, 2.5, None], ["1", "2.5", "null"]),
        ([True, False, "x"], ["true", "false", "x"]),
        ([ONE, date(2026, 1, 2), "b"], [str(ONE), "2026-01-02", "b"]),
        ([Name.ADA, Level.LOW, Decimal("1.10")], ["ada", "1", "1.10"]),
        ([Path("/a"), 10**5000], ["/a", "1" + "0" * 5000]),
    ],
    ids=["json", "bool", "uuid", "enum", "digits"],
)
def test_keys_become_text(keys: list[object], names: list[str]) -> None:
    """As `json` has always written those it takes, and others in the same spirit."""
    assert text_of(dict.fromkeys(keys, 0)) == json.dumps(
        dict.fromkeys(names, 0), separators=(",", ":")
    )


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        (1, "1", "1"),
        (None, "null", "null"),
        (True, "true", "true"),
        (1.5, "1.5", "1.5"),
        (ONE, str(ONE), str(ONE)),
        (Decimal("1.10"), "1.10", "1.10"),
        (date(2026, 1, 2), "2026-01-02", "2026-01-02"),
    ],
)
def test_keys_that_are_written_alike_are_refused(first: object, second: object, name: str) -> None:
    """Else one of two values would be lost without a word. Wherever they are, in either order."""
    for keys in ((first, second), (second, first)):
        for kind in (dict, OrderedDict, UserDict):
            value: object = kind({key: {} for key in keys})
            refused = refusal([0, {"a": (value,)}])
            assert str(refused) == f'/1/a/0 has two keys that are written "{name}"'


@pytest.mark.parametrize("key", [(1, 2), frozenset(), b"a", object(), Row, math.nan, "\ud800"])
def test_a_key_without_a_text_is_refused(key: object) -> None:
    """With the place of its object."""
    assert refusal({"a": {key: 1}}).pointer == "/a"


def nested(depth: int, *, key: str | None = None) -> object:
    value: object = []
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


@pytest.mark.parametrize("depth", [1500, 100_000])
def test_any_depth_is_written(depth: int) -> None:
    """JSON has no limit, and Python's is one of its own functions."""
    assert text_of(nested(depth)) == "[" * (depth + 1) + "]" * (depth + 1)
    assert text_of(nested(depth, key="a")) == '{"a":' * depth + "[]" + "}" * depth


@pytest.mark.parametrize(
    "number", [math.factorial(200), 10**4999 + 7, -(10**4999)], ids=["375", "5000", "-5000"]
)
def test_any_number_of_digits_is_written(number: int) -> None:
    """And without lifting Python's own limit, which other threads may need."""
    text = text_of([number])
    with unlimited_digits():
        assert text == f"[{number}]"


class unlimited_digits:  # noqa: N801 - a context manager
    def __enter__(self) -> None:
        self.before = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)

    def __exit__(self, *_: object) -> None:
        sys.set_int_max_str_digits(self.before)


def test_what_holds_itself_is_refused_and_what_comes_twice_is_not() -> None:
    """Through whatever it holds itself."""
    lists: list[object] = []
    lists.append({"a": lists})
    row = Row(1)
    row.rows.append(UserDict(up=row))
    assert str(refusal(lists)) == "/0/a is a list that holds itself"
    assert refusal([row]).pointer == "/0/rows/0/up"
    shared = [Row(1)]
    assert json.loads(text_of([shared, shared, ONE])) == [
        *2 * [[{"when": 1, "rows": []}]],
        str(ONE),
    ]


def test_a_text_that_gets_too_long_is_not_written_to_its_end() -> None:
    """A value may be endless, or have more digits than a day has time for."""
    for value in (range(10**12), [ONE, 1 << 10**9], [nested(100_000)]):
        with pytest.raises(TooLong):
            encode(value, bytes_max=1000)


@pytest.mark.parametrize("value", [Unreadable(a=1), Slotted(1)])
def test_a_value_whose_own_code_fails_is_refused_with_its_place(value: object) -> None:
    """And says what failed."""
    refused = refusal({"a": value})
    assert refused.pointer == "/a"
    assert "cannot be read: " in str(refused)
    assert "no items" in str(refused) or "AttributeError" in str(refused)


def test_a_pointer_is_short_however_deep_the_place_and_long_the_keys() -> None:
    """It goes into an error message."""
    for value in ({"k" * 10_000: {1}}, [nested(5000), {"a": [[{2}]]}]):
        assert len(refusal(value).pointer) <= POINTER_MAX + 1


class Loud:
    def __repr__(self) -> str:
        return "x\n" * 10_000


class Failing(list[int]):
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    ("value", "begins"),
    [
        ({1, 2}, "{1, 2}"),
        (Loud(), "x x x"),
        (Failing([1]), "Failing([1])"),
        ([Failing()], "[Failing([])]"),
        (10**5000, "<an int of 16610 bits>"),
        (b"x" * 10**6, "b'xxx"),
        (bytearray(10**6), "bytearray(b'"),
        (list(range(10**6)), "[0, 1, 2,"),
        (Row(Row(list(range(10**6)))), "Row(when=Row(when=[0, 1,"),
        (nested(100_000), "[[[[[["),
        (OrderedDict(a=1), "OrderedDict({'a': 1})"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_value_is_shown_on_one_short_line(value: object, begins: str) -> None:
    """Whatever its size, and whatever its own `repr` does."""
    line = shown(value)
    assert line.startswith(begins)
    assert len(line) <= REPR_MAX + 1
    assert "\n" not in line


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(), parts),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_plain_values_are_written_as_json_writes_them(value: object) -> None:
    """On the fast way and on the slow one: the text must not depend on which was taken."""
    expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert text_of(value) == expected
    assert Writer(BYTES_MAX).write(value) == expected


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 12_000), st.integers(-(2**64), 2**64))
def test_long_integers_are_written_exactly(power: int, more: int) -> None:
    """In whatever parts."""
    number = 10**power * (1 if more > 0 else -1) + more
    with unlimited_digits():
        expected = str(number)
    assert Writer(BYTES_MAX).write(number) == expected


PLANTED = {"planted"}
"""What must be found again."""

with_a_set = st.recursive(
    st.just(PLANTED) | st.integers() | st.text(max_size=3),
    lambda parts: (
        st.lists(parts, max_size=5)
        | st.dictionaries(st.text(max_size=3), parts, max_size=5)
        | st.dictionaries(st.integers(), parts, max_size=3)
        | st.builds(Row, parts)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(with_a_set)
def test_a_pointer_leads_to_the_value_that_was_refused(value: object) -> None:
    """Through lists, objects with odd keys and dataclasses, to the first one."""
    if "planted" in repr(value):
        refused = refusal(value)
        assert found(value, refused.pointer) is PLANTED
        assert refused.error is TypeError
    else:
        text_of(value)


def found(value: Any, pointer: str) -> Any:  # noqa: ANN401
    """What a JSON pointer leads to."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = next(part for key, part in value.items() if str(key) == name)
        else:
            value = value[int(name)] if isinstance(value, list) else getattr(value, name)
    return value


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.one_of(
            st.integers(-3, 3),
            st.sampled_from(
                [None, True, False, 0.5, "", "null", "true", "0.5", "1", "-2", Level.LOW]
            ),
        ),
        st.integers(),
        max_size=6,
    )
)
def test_odd_keys_are_written_as_json_does_unless_two_are_alike(value: dict[Any, int]) -> None:
    """Of which `json` would lose one for most readers."""
    text = json.dumps(value, separators=(",", ":"))
    if len(json.loads(text)) < len(value):
        assert "two keys" in refusal([value]).reason
    else:
        assert text_of([value]) == f"[{text}]"
