"""Finds the elements of a JSON array without parsing them, so that each can be parsed alone.

A parser runs to the end before anything else can: for a large array that is too long. This search
can pause anywhere. It does not check what the elements are: that is for their parser.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from scheduler.api.requests.json_text import malformed
from scheduler.core.errors import TooLarge

STEPS: Final = 1_000
BYTES: Final = 32 * 1024
"""Steps and bytes of the search between two places to pause: about a millisecond."""

_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_SCALAR: Final = re.compile(rb'(?:[^"\[\]{},]++|%s)*+' % _STRING, re.DOTALL)
_STEP: Final = re.compile(
    rb"""(?: [^"\[\]{}]++ | %s | [\[{] [^"\[\]{}]*+ [\]}] ){1,512}+  # as deep as before
       | ([\[{]++) | ([\]}]++)
       | (")                                                   # a string without an end
    """
    % _STRING,
    re.VERBOSE | re.DOTALL,
)
"""Possessive, so that it never backtracks: linear time."""


class Element(NamedTuple):
    """Where an element is in the text."""

    start: int
    end: int


def elements(text: bytes, *, bytes_max: int) -> Iterator[Element | None]:
    """The elements of a text that begins with an array; None is a place to pause.

    Raises:
        Invalid: it is not an array.
        TooLarge: an element is longer than `bytes_max`.
    """
    position = _skip_blanks(text, _skip_blanks(text, 0) + 1)
    if text[position : position + 1] == b"]":
        _require_end(text, position + 1)
        return
    for index in range(len(text)):
        end = yield from _end(text, position, index, bytes_max)
        yield Element(position, end)
        separator = _skip_blanks(text, end)
        match text[separator : separator + 1]:
            case b",":
                position = _skip_blanks(text, separator + 1)
            case b"]":
                _require_end(text, separator + 1)
                return
            case _:
                raise malformed(text, separator, "expected ',' or ']'")


def _end(text: bytes, start: int, index: int, bytes_max: int) -> Generator[None, None, int]:
    """Find where the element that begins here ends."""
    limit = min(len(text), start + bytes_max)
    end: int | None
    if text[start : start + 1] in (b"{", b"["):
        end = yield from _end_of_container(text, start, limit)
    else:
        end = _end_of(_SCALAR, text, start, limit)
        if text[end : end + 1] == b'"':
            end = None  # a string without an end
    if end is not None and (end < limit or end == len(text)):
        return end
    if limit == len(text):
        raise malformed(text, limit, "unexpected end of data")
    raise TooLarge(f"/{index} is longer than {bytes_max} bytes")


def _end_of_container(text: bytes, start: int, limit: int) -> Generator[None, None, int | None]:
    """Where the object or array ends; None where it does not before the limit."""
    depth = 1
    steps, begun = 0, start
    for step in _STEP.finditer(text, start + 1, limit):
        length = step.end() - step.start()
        match step.lastindex:
            case 1:
                depth += length
            case 2 if length >= depth:
                return step.start() + depth
            case 2:
                depth -= length
            case 3:
                return None
        steps += 1
        if steps == STEPS or step.end() - begun > BYTES:
            steps, begun = 0, step.end()
            yield
    return None


def _skip_blanks(text: bytes, position: int) -> int:
    return _end_of(_BLANKS, text, position, len(text))


def _end_of(pattern: re.Pattern[bytes], text: bytes, start: int, limit: int) -> int:
    """Where a pattern that matches everywhere ends."""
    found = pattern.match(text, start, limit)
    return found.end() if found else start


def _require_end(text: bytes, position: int) -> None:
    end = _skip_blanks(text, position)
    if end < len(text):
        raise malformed(text, end, "unexpected content after document")
