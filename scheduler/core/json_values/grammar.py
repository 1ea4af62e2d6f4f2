"""Whether a text is JSON (RFC 8259), whatever its depth and the length of its numbers.

orjson is faster, and right in most cases. But it refuses more than 1,024 levels and numbers beyond
a double, which JSON allows.
"""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = r"[ \t\n\r]*+"
STRING: Final = r'"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"'
NUMBER: Final = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_VALUES: Final = rf"{STRING}|{NUMBER}|true|false|null|\[++|\{{"


def _expecting(tokens: str) -> re.Pattern[str]:
    return re.compile(rf"{_SPACE}({tokens})")


# What may come next. Possessive, so that matching never goes back: the time is linear.
_VALUE: Final = _expecting(_VALUES)
_VALUE_OR_END: Final = _expecting(rf"{_VALUES}|\]")
_NAME: Final = _expecting(rf"{STRING}{_SPACE}:")
_NAME_OR_END: Final = _expecting(rf"{STRING}{_SPACE}:|\}}")
_COMMA_OR_END: Final = _expecting(r",|\]++|\}++|\Z")


def is_json(text: str) -> bool:
    """Whether a text is one JSON value."""
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate as a character, and not as an escape
        return False
    opened, position = bytearray(), 0
    expected: re.Pattern[str] | None = _VALUE
    while expected is not None and (found := expected.match(text, position)):
        position = found.end()
        token = found[1]
        if not token:
            return not opened
        expected = _after(token, opened)
    return False


def _after(token: str, opened: bytearray) -> re.Pattern[str] | None:
    """What may follow a token; None where the token is in the wrong place.

    `opened` has a bracket for each container that is open. A run of brackets is one token, so that
    a value of nothing but brackets costs nothing.
    """
    first = token[0]
    if first in "[{":
        opened += token.encode()
        return _VALUE_OR_END if first == "[" else _NAME_OR_END
    if first in "]}":
        if not opened.endswith(token.translate(_OPENING).encode()):
            return None
        del opened[-len(token) :]
        return _COMMA_OR_END
    if first == ",":
        return {b"[": _VALUE, b"{": _NAME}.get(bytes(opened[-1:]))
    return _VALUE if token[-1] == ":" else _COMMA_OR_END


_OPENING: Final = str.maketrans("]}", "[{")
