"""Bytes to a JSON value, refusing what would not come back as it was sent.

orjson refuses what is not JSON (NaN, lone surrogates, invalid UTF-8, numbers beyond a double, more
than 1,024 levels), but turns an integer beyond 64 bits into the nearest float, in silence. Such an
integer is looked for here, in the text, without recursion.
"""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from scheduler.core.errors import Flaw, Invalid

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1

_LONG_RUN: Final = re.compile(rb"[0-9]{19}")
"""Integers of 18 digits and fewer fit; most bodies have no longer run and are done with here."""
_NEXT_LONG_INTEGER: Final = re.compile(
    rb"""(?: [^"0-9-]++                              # punctuation, space, names of literals
           | " (?: [^"\\]++ | \\. )*+ "              # a string
           | -?+ [0-9]++ (?: \. [0-9]++ | (?=[eE]) ) (?: [eE] [+-]?+ [0-9]++ )?+  # a float
           | -?+ [0-9]{1,18}+ (?![0-9.eE])           # an integer that fits
         )*+
         (-?+ [0-9]++)
    """,
    re.VERBOSE | re.DOTALL,
)
"""Skips every token that needs no look, possessively, so that it never goes back: linear time."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The value of a JSON document.

    Raises:
        Invalid: not JSON, or with an integer beyond 64 bits; says in which line and column.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(body, error) from None
    if _LONG_RUN.search(body):
        _refuse_wide_integers(body)
    return value


def _refuse_wide_integers(body: bytes) -> None:
    """Look at the long integers of a document that is known to be JSON."""
    end = 0
    while found := _NEXT_LONG_INTEGER.match(body, end):
        digits, end = found[1], found.end()
        # No leading zeros in JSON: beyond 21 characters it is out of range, whatever it is.
        if len(digits) > 21 or not INTEGER_MIN <= int(digits) <= INTEGER_MAX:
            raise _invalid(
                f"an integer of {len(digits.lstrip(b'-'))} digits {_place(body, found.start(1))}: "
                f"integers from {INTEGER_MIN} to {INTEGER_MAX} are allowed; send others as text"
            )


def _malformed(body: bytes, error: orjson.JSONDecodeError) -> Invalid:
    try:
        body.decode()
    except UnicodeDecodeError as undecodable:
        return _invalid(f"the body is not UTF-8 {_place(body, undecodable.start)}")
    place = f"at line {error.lineno}, column {error.colno}"
    reason = error.msg.partition(": line ")[0]
    return _invalid(f"the body is not JSON: {reason} {place}")


def _place(body: bytes, offset: int) -> str:
    line_start = body.rfind(b"\n", 0, offset) + 1
    line = body.count(b"\n", 0, offset) + 1
    column = len(body[line_start:offset].decode(errors="replace")) + 1
    return f"at line {line}, column {column}"


def _invalid(detail: str) -> Invalid:
    return Invalid(detail, (Flaw("", detail),))
