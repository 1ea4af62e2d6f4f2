"""Parses JSON, and refuses what could not be returned exactly as it was sent.

orjson refuses what is not JSON (NaN, lone surrogates, invalid UTF-8, numbers beyond a double, more
than 1,024 levels), but silently turns an integer beyond 64 bits into the nearest float. This module
searches the text for such integers, without recursion.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from scheduler.core.errors import Flaw, Invalid

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1

_DIGITS_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN: Final = b"0" * 19
"""Integers of up to 18 digits fit. Most bodies have no longer run of digits and need no search."""
_NEXT_LONG_INTEGER: Final = re.compile(
    rb"""(?: [^"0-9-]++                              # punctuation, space, names of literals
           | " (?: [^"\\]++ | \\. )*+ "              # a string
           | -?+ [0-9]++ (?: \. [0-9]++ | (?=[eE]) ) (?: [eE] [+-]?+ [0-9]++ )?+  # a float
           | -?+ [0-9]{1,18}+ (?![0-9.eE])           # an integer that fits
           | (?!)                                    # nothing: goes back to the token's beginning
         )*+
         (-?+ [0-9]++)
    """,
    re.VERBOSE | re.DOTALL,
)
"""Skips every other token with possessive quantifiers, so it never backtracks: linear time.

Up to Python 3.11.4, a possessive group goes on from where its last alternative failed. Without the
empty alternative, a wide integer would be found without its first 18 digits, or not at all."""


def parse(text: bytes, start: int = 0, end: int | None = None) -> Any:  # noqa: ANN401 - any value
    """The value of a JSON document, or of the part of one from `start` to `end`.

    Raises:
        Invalid: it is not JSON or has an integer beyond 64 bits; names the line and column.
    """
    part = text[start:end] if start or end else text
    try:
        value = orjson.loads(part)
    except orjson.JSONDecodeError as error:
        raise _refused(text, start, part, error) from None
    if _LONG_RUN in part.translate(_DIGITS_AS_ZEROS):
        _refuse_wide_integers(text, start, start + len(part))
    return value


def malformed(text: bytes, offset: int, reason: str) -> Invalid:
    """The error for a text that is not JSON at this place."""
    return _invalid(f"the body is not JSON: {reason} {_position(text, offset)}")


def _refuse_wide_integers(text: bytes, start: int, end: int) -> None:
    """Check the long integers of what is known to be JSON."""
    while found := _NEXT_LONG_INTEGER.match(text, start, end):
        digits, start = found[1], found.end()
        # JSON has no leading zeros, so an integer of more than 21 characters is out of range.
        if len(digits) > 21 or not INTEGER_MIN <= int(digits) <= INTEGER_MAX:
            length, position = len(digits.lstrip(b"-")), _position(text, found.start(1))
            raise _invalid(
                f"an integer of {length} digits {position}: "
                f"integers from {INTEGER_MIN} to {INTEGER_MAX} are allowed; send others as text"
            )


def _refused(text: bytes, start: int, part: bytes, error: orjson.JSONDecodeError) -> Invalid:
    try:
        part.decode()
    except UnicodeDecodeError as undecodable:
        return _invalid(f"the body is not UTF-8 {_position(text, start + undecodable.start)}")
    before = text[:start]
    line = error.lineno + before.count(b"\n")
    column = error.colno
    if error.lineno == 1:
        column += len(before[before.rfind(b"\n") + 1 :].decode(errors="replace"))
    reason = error.msg.partition(": line ")[0]
    return _invalid(f"the body is not JSON: {reason} at line {line}, column {column}")


def _position(body: bytes, offset: int) -> str:
    line_start = body.rfind(b"\n", 0, offset) + 1
    line = body.count(b"\n", 0, offset) + 1
    column = len(body[line_start:offset].decode(errors="replace")) + 1
    return f"at line {line}, column {column}"


def _invalid(detail: str) -> Invalid:
    return Invalid(detail, (Flaw("", detail),))
