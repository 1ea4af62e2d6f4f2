"""What a pool process says of its job, as the node takes it: measured, whatever came.

The process keeps the limits itself. But a handler can make it write anything, and store, pages and
hooks rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import orjson

from scheduler.core.context import INTEGER_BITS, MESSAGE_MAX, NOTIFY_BYTES_MAX
from scheduler.core.job import JsonText, Outcome, Progress, Raised, Returned, Unreturnable
from scheduler.core.json_values.grammar import is_json
from scheduler.core.retries.declaration import PAUSE_S_MAX
from scheduler.processes.child.failures import NAME_MAX, TRACEBACK_MAX

Message = Mapping[str, Any]

MALFORMED: Final = (KeyError, TypeError, ValueError)
"""What the functions here raise for messages that make no sense."""
TEXT_MAX: Final = TRACEBACK_MAX + len("\n…\n")


def ending(end: Message, *, result_bytes_max: int) -> Outcome:
    """The outcome that an end frame reports."""
    match end:
        case {"returned": str(text)}:
            return Returned(_json(text, bytes_max=result_bytes_max))
        case {"unreturnable": str(message)}:
            return Unreturnable(message[:TEXT_MAX])
        case {"raised": {} as raised}:
            return _raised(raised)
        case _:
            raise TypeError("an end frame that makes no sense")


def _raised(raised: Message) -> Raised:
    match raised:
        case {
            "type": str(type_),
            "message": str(message),
            "traceback": str(traceback),
            "retryable": bool(retryable),
            "after_s": after_s,
        }:
            return Raised(
                type=type_[:NAME_MAX],
                message=message[:TRACEBACK_MAX],
                traceback=traceback[:TEXT_MAX],
                retryable=retryable,
                after_s=None if after_s is None else min(PAUSE_S_MAX, seconds(after_s)),
            )
        case _:
            raise TypeError("an exception that makes no sense")


def seconds(part: object) -> float:
    """A time in seconds; at least 0."""
    match part:
        case int() | float() if isfinite(part):
            return max(0.0, float(part))
        case _:
            raise TypeError("a time that makes no sense")


def notification(message: Message) -> JsonText | None:
    """The notification that a message is; None where it is none."""
    payload = message.get("notify")
    return _json(payload, bytes_max=NOTIFY_BYTES_MAX) if isinstance(payload, str) else None


def closing(message: Message) -> float | None:
    """For how long a message closes the job's throttle, in seconds; None where it does not."""
    after_s = message.get("throttle")
    return None if after_s is None else min(PAUSE_S_MAX, seconds(after_s))


def progress(part: object) -> Progress | None:
    """The progress that a part of a message reports, if it reports any."""
    match part:
        case None:
            return None
        case {
            "done": int() | float() as done,
            "total": None | int() | float() as total,
            "message": None | str() as message,
        } if _counts(done) and (total is None or _counts(total)):
            return Progress(done=done, total=total, message=message and message[:MESSAGE_MAX])
        case _:
            raise TypeError("progress that makes no sense")


def _counts(number: float) -> bool:
    """Whether a store can hold it, and a page show it."""
    if isinstance(number, float):
        return isfinite(number)
    return not isinstance(number, bool) and number.bit_length() <= INTEGER_BITS


def _json(text: str, *, bytes_max: int) -> JsonText:
    """A text that is JSON; what is not would break each answer that has it."""
    if len(text) > bytes_max or (not text.isascii() and len(text.encode()) > bytes_max):
        raise ValueError("more than is allowed")
    if not _is_json(text):
        raise ValueError("not JSON")
    return JsonText(text)


def _is_json(text: str) -> bool:
    """By orjson, which is fast; it refuses depths and numbers that are JSON."""
    try:
        orjson.loads(text)
    except ValueError:
        return is_json(text)
    return True
