"""An exception of a handler as its user reads it: type, message and traceback, within bounds."""

from __future__ import annotations

import os
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TRACEBACK_MAX: Final = 32 * 1024
"""Characters of a traceback that are kept, half of its head and half of its tail."""
NAME_MAX: Final = 1000
"""Characters of an exception's name that are kept."""
OWN_FOLDER: Final = f"{Path(__file__).parents[2]}{os.sep}"
"""Frames of files below it belong to this package, and are left out of a user's traceback."""


def described(error: BaseException) -> Mapping[str, str]:
    """An exception without the frames of this package."""
    kind = type(error)
    name = kind.__qualname__[:NAME_MAX]
    return {
        "type": name if kind.__module__ == "builtins" else f"{kind.__module__}.{name}"[-NAME_MAX:],
        "message": text_of(error),
        "traceback": _traceback(error),
    }


def text_of(error: BaseException) -> str:
    """The message of an exception."""
    try:
        return str(error)[:TRACEBACK_MAX]
    except BaseException as failed:  # noqa: BLE001 - str() of a foreign exception runs its own code
        return f"(the message cannot be shown: {type(failed).__name__})"


def _traceback(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and (
        trace.tb_frame.f_code.co_filename.startswith(OWN_FOLDER)
        or trace.tb_frame.f_globals.get("__name__", "").startswith("asyncio.")
    ):
        trace = trace.tb_next
    try:
        text = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException as failed:  # noqa: BLE001 - formatting runs the exception's own code
        return f"(the traceback cannot be shown: {type(failed).__name__})"
    half = TRACEBACK_MAX // 2
    return text if len(text) <= TRACEBACK_MAX else f"{text[:half]}\n…\n{text[-half:]}"
