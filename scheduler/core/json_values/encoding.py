"""A value as JSON text: by `json`, which is fast, and by `writing` where that is not right.

`json` refuses what is deep, has many digits or is of another type, and does not say where. And it
writes keys that are no text as text, so that of 1 and "1" one is lost: a dict with keys of several
types is written again.
"""

from __future__ import annotations

import json
from typing import Any, Final

from scheduler.core.json_values.writing import Writer

# Made once: `json.dumps` with options makes a new encoder for each call.
_fast: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode
_TEXT: Final = frozenset({str})
_NUMBERS: Final = frozenset({int, float, bool, type(None)})
"""Keys of these types that differ are also written differently."""
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def encode(value: object, *, bytes_max: int) -> bytes:
    """The value as JSON text in UTF-8.

    A text may be longer than `bytes_max`: that only bounds the work for values that `json` refuses.

    Raises:
        NotJson: a part of the value has no JSON form.
        TooLong: the text would be longer than `bytes_max`.
    """
    if value is None:  # what most handlers return
        return b"null"
    try:
        text = _fast(value)
        encoded = text.encode()
    except Exception:  # noqa: BLE001 - reading a value may run its own code
        encoded = None
    if encoded is None or (b"{" in encoded and not _keys_differ(value)):
        return Writer(bytes_max).write(value).encode()
    return encoded


def _keys_differ(value: Any) -> bool:  # noqa: ANN401 - a value that `json` has written
    """Whether no two keys of a dict are written alike, as far as the types of its keys tell."""
    waiting = [value]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict):
            kinds = set(map(type, container))
            if type(container) is not dict or not (kinds <= _TEXT or kinds <= _NUMBERS):
                return False
            container = container.values()
        elif not isinstance(container, list | tuple):
            continue
        waiting.extend([part for part in container if type(part) not in _SCALARS])
    return True
