"""Text, numbers, booleans and None as JSON text."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import Final

from scheduler.core.json_values.refusing import NotJson

SURROGATE: Final = "with a lone surrogate, which is no Unicode; many programs refuse it"
BITS_AT_ONCE: Final = 2000
"""Below 640 digits, the least limit that Python can be given."""


def quoted(text: str) -> str:
    """A text as a JSON string.

    Raises:
        NotJson: it is not Unicode.
    """
    if not is_unicode(text):
        raise NotJson(f"is text {SURROGATE}", text)
    return encode_basestring(text)


def is_unicode(text: str) -> bool:
    """Whether a text has a form in UTF-8: Python's may hold halves of surrogate pairs."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def scalar(value: float | None) -> str:
    """A number, a boolean or None as JSON.

    Raises:
        NotJson: it is NaN or infinite.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return _digits(value)
    if value - value != 0:  # NaN or infinite
        raise NotJson(f"is {float.__repr__(value)}, which JSON does not have", value)
    return float.__repr__(value)


def _digits(number: int) -> str:
    """All digits, in parts: Python refuses to write more than 4,300 of them at once.

    That limit is not lifted meanwhile: it is one for all threads of the process.
    """
    if number.bit_length() < BITS_AT_ONCE:
        return int.__repr__(number)
    if number < 0:
        return f"-{_digits(-number)}"
    half = number.bit_length() * 3 // 20  # log10(2) / 2
    high, low = divmod(number, 10**half)
    return _digits(high) + _digits(low).zfill(half)
