"""What a log line says of a failure: never more than a few hundred characters, and one line.

kind      exception, timeout, crash …
type      the class of the exception, where one was raised
message   its beginning
where     the last place in the traceback that has a line of code: `shop/mails.py:12 in send`
"""

from __future__ import annotations

import re
from typing import Final

from scheduler.core.job import Failure

MESSAGE_CHARS_MAX: Final = 500
WHERE_CHARS_MAX: Final = 200
_FRAME: Final = re.compile(r'File "(.+)", line (\d+)(?:, in (\S+))?')


def failure_fields(error: Failure) -> dict[str, object]:
    """The fields of a line about a failure."""
    return {
        "kind": error.kind,
        "type": error.type,
        "message": cut(error.message, chars_max=MESSAGE_CHARS_MAX),
        "where": None if error.traceback is None else where(error.traceback),
    }


def where(traceback: str) -> str | None:
    """The place of a traceback's last frame; None where it has none."""
    begin = traceback.rfind('File "')
    found = None if begin < 0 else _FRAME.match(traceback, begin)
    if found is None:
        return None
    path, line, function = found.groups()
    place = f"{path}:{line}" + (f" in {function}" if function else "")
    return place[-WHERE_CHARS_MAX:]


def cut(text: str, *, chars_max: int) -> str:
    """The beginning of a text, with a sign where something is left out."""
    return text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"
