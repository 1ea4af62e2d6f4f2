"""JSON as text and back.

Texts are read also where `json` refuses them: they may be deep or have long integers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
ALLOWED: Final = "None, bool, int, finite float, str, list, tuple, and dict whose keys are str"
DIGITS_AT_ONCE: Final = 600
"""Python reads at least 640 digits, whatever its limit is set to."""


def loads(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON document: by `json` where it can.

    Raises:
        ValueError: it is not JSON in UTF-8.
    """
    try:
        return json.loads(body)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except (ValueError, RecursionError):
        return parse(body.decode())


def dumps(value: object) -> bytes:
    """The value as JSON in UTF-8.

    Raises:
        TypeError, ValueError: a part of it is not JSON; the message says which.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        flaw = _flaw_in(value)
        if flaw is None:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{flaw} is not JSON; allowed are {ALLOWED}") from error


def _flaw_in(value: object) -> str | None:
    """The first part of a value that is not JSON, behind its place as a JSON pointer."""
    parts: list[tuple[str, object]] = [("", value)]
    passed = set[int]()  # a container that is in itself has no end
    while parts:
        place, part = parts.pop()
        if said := _flaw_of(part):
            return f"{place}: {said}"
        if isinstance(part, dict | list | tuple) and id(part) not in passed:
            passed.add(id(part))
            parts += reversed([(f"{place}/{name}", inner) for name, inner in _inside(part)])
    return None


def _inside(container: dict[Any, Any] | list[Any] | tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(container, dict):
        return (
            (str(key).replace("~", "~0").replace("/", "~1"), container[key]) for key in container
        )
    return ((str(index), each) for index, each in enumerate(container))


def _flaw_of(part: object) -> str | None:
    """What is wrong with this part, whatever is in it."""
    match part:
        case None | bool() | int() | list() | tuple():
            return None
        case float():
            return None if math.isfinite(part) else str(part)
        case str():
            return None if part.isascii() or _is_unicode(part) else "half of a surrogate pair"
        case dict():
            keys = (key for key in part if _flaw_of(key) or isinstance(key, list | tuple | dict))
            return next((f"the key {key!r:.50}" for key in keys), None)
        case _:
            return f"a value of the type {type(part).__name__}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def parse(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON text, without recursion.

    Raises:
        ValueError: it is not JSON.
    """
    return _Parser(text).document()


class _Parser:
    """Reads containers one by one; strings, numbers and words are read by `json`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def document(self) -> Any:  # noqa: ANN401 - any JSON value
        opened: list[tuple[Any, str]] = []
        """Each container that is open, and in an object the name of the value that comes."""
        value, is_whole = self._begin()
        while opened or not is_whole:
            if not is_whole:
                opened.append((value, self._name_in(value)))
                value, is_whole = self._begin()
                continue
            container, name = opened.pop()
            if isinstance(container, dict):
                container[name] = value
            else:
                container.append(value)
            if self._take(","):
                opened.append((container, self._name_in(container)))
                value, is_whole = self._begin()
            else:
                self._require("}" if isinstance(container, dict) else "]")
                value = container
        self._skip()
        if self._position != len(self._text):
            raise self._flaw()
        return value

    def _begin(self) -> tuple[Any, bool]:
        """The value that begins here, and whether it is whole; a container is, if it is empty."""
        if self._take("["):
            return [], self._take("]")
        if self._take("{"):
            return {}, self._take("}")
        try:
            value, self._position = _DECODER.raw_decode(self._text, self._position)
        except json.JSONDecodeError:
            raise self._flaw() from None
        return value, True

    def _name_in(self, container: object) -> str:
        """The name of the next member of an object; empty for an array."""
        if not isinstance(container, dict):
            return ""
        self._skip()
        if not self._text.startswith('"', self._position):
            raise self._flaw()
        name, _ = self._begin()
        self._require(":")
        return str(name)

    def _take(self, character: str) -> bool:
        """Whether this character comes next; then it is passed."""
        self._skip()
        found = self._text.startswith(character, self._position)
        self._position += found
        return found

    def _require(self, character: str) -> None:
        if not self._take(character):
            raise self._flaw()

    def _skip(self) -> None:
        """Pass white space."""
        if found := _SPACE.match(self._text, self._position):
            self._position = found.end()

    def _flaw(self) -> ValueError:
        return ValueError(f"this is not JSON, from character {self._position} on")


def _refuse(name: str) -> object:
    raise ValueError(f"this is not JSON: {name}")


def integer(digits: str) -> int:
    """An integer of any length: in parts that Python reads, joined by their halves."""
    if digits.startswith("-"):
        return -integer(digits[1:])
    if len(digits) <= DIGITS_AT_ONCE:
        return int(digits)
    half = len(digits) // 2
    power: int = 10**half
    return integer(digits[:-half]) * power + integer(digits[-half:])


_DECODER: Final = json.JSONDecoder(parse_int=integer, parse_constant=_refuse)
