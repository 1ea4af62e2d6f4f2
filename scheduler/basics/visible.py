"""Characters that do something to a terminal instead of being shown.

Control characters move the cursor or rename the window; those that change the direction of writing
make a line read differently from what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_C0: Final = range(0x20)
_DELETE_AND_C1: Final = range(0x7F, 0xA0)
_SEPARATORS: Final = (0x2028, 0x2029)
_DIRECTIONS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SHOWN: Final = frozenset(map(ord, "\t\n"))

_HARMFUL: Final = (*_C0, *_DELETE_AND_C1, *_SEPARATORS, *_DIRECTIONS)


def _escapes(codes: Iterable[int]) -> Mapping[int, str]:
    return {code: f"\\u{code:04x}" for code in codes}


_ESCAPES: Final = _escapes(code for code in _HARMFUL if code not in _SHOWN)
_JSON_ESCAPES: Final = _escapes(code for code in _HARMFUL if code not in _C0)
_MARKS: Final = dict.fromkeys(_ESCAPES, "�")


def plain(text: str) -> str:
    """The text with a mark in place of each of these characters."""
    return text.translate(_MARKS)


def escaped(text: str) -> str:
    r"""The text with each of these characters as `\u009b`, so that it can be told what it was."""
    return text.translate(_ESCAPES)


def escaped_json(text: str) -> str:
    """JSON with these characters escaped: they can only be in its texts, and it means the same."""
    return text if text.isascii() and "\x7f" not in text else text.translate(_JSON_ESCAPES)
