"""How long a receiver asks us to wait, by the header `Retry-After` (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

ASKS: Final = frozenset({429, 503})
"""The statuses of an answer that may ask us to wait."""
WAIT_S_MAX: Final = 2_592_000.0
"""What is longer counts as this: as long as a call may be tried at all."""
DIGITS_MAX: Final = 8
DATE_CHARACTERS_MAX: Final = 64


def retry_after_s(code: int, header: str | None, *, at: datetime) -> float | None:
    """The seconds that an answer asks us to wait; None where it asks for nothing that we know."""
    text = (header or "").strip()
    if code not in ASKS or not text.isascii():
        return None
    wait_s = _seconds(text) if text.isdigit() else _until(text, at)
    return None if wait_s is None or wait_s < 0 else min(wait_s, WAIT_S_MAX)


def _seconds(text: str) -> float:
    digits = text.lstrip("0")
    return float(digits or 0) if len(digits) <= DIGITS_MAX else WAIT_S_MAX


def _until(text: str, at: datetime) -> float | None:
    """The time until a date in one of the formats of HTTP, which are all in UTC."""
    if len(text) > DATE_CHARACTERS_MAX:
        return None
    try:
        date = parsedate_to_datetime(text)
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)
        return (aware - at).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
