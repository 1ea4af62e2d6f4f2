"""The value of a JSON text that `json` refuses, because it is deep or has long integers."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from scheduler.core.json_values.grammar import NUMBER, STRING, is_json

_TOKEN: Final = re.compile(rf"{STRING}(?:[ \t\n\r]*+:)?|{NUMBER}|true|false|null|[\[\]{{}}]")
_BEGINNINGS: Final = frozenset("[{")
_ENDS: Final = frozenset("]}")
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
    if not is_json(text):
        raise ValueError("this is not JSON")
    whole: list[Any] = []
    opened: list[list[Any] | dict[str, Any]] = [whole]
    names: list[str] = [""]
    for token in _TOKEN.findall(text):
        if token in _ENDS:
            opened.pop()
            names.pop()
        elif token[-1] == ":":
            names[-1] = json.loads(token[:-1])
        else:
            value = _value(token)
            _add(value, opened[-1], names[-1])
            if token in _BEGINNINGS:
                opened.append(value)
                names.append("")
    return whole[0]


def _add(value: object, container: list[Any] | dict[str, Any], name: str) -> None:
    if isinstance(container, dict):
        container[name] = value
    else:
        container.append(value)


def _value(token: str) -> Any:  # noqa: ANN401 - any JSON value, a container still empty
    match token:
        case "[":
            return []
        case "{":
            return {}
        case _ if token.lstrip("-").isdigit():
            return integer(token)
        case _:
            return json.loads(token)


def integer(digits: str) -> int:
    """An integer of any length: in parts that Python reads, joined by their halves."""
    if digits.startswith("-"):
        return -integer(digits[1:])
    if len(digits) <= DIGITS_AT_ONCE:
        return int(digits)
    half = len(digits) // 2
    power: int = 10**half
    return integer(digits[:-half]) * power + integer(digits[-half:])
