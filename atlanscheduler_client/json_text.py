"""The value of a JSON text, also where `json` refuses it: it may be deep or have long integers."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_SPACE: Final = re.compile(r"[ \t\n\r]*+")
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
