"""What a handler returned, as the content of an end frame: JSON text, or why there is none.

A value that is refused is lost to the job's user, perhaps after hours of work. So the job's log
says where the fault is, and shows a part of the value.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress

from scheduler.core.json_values.encoding import encode
from scheduler.core.json_values.refusing import NotJson, a_type, shown
from scheduler.core.json_values.writing import TooLong

Message = Mapping[str, object]


def returned(result: object, *, bytes_max: int) -> Message:
    """The result as JSON text, or why that is not possible."""
    try:
        encoded = encode(result, bytes_max=bytes_max)
    except NotJson as error:
        _log(f"{error.pointer or 'the result'} is {a_type(error.value)}: {_shown(error.value)}")
        return _refused(result, f"the result is not a JSON value: {error}")
    except TooLong:
        return _refused(result, f"the result is longer than {bytes_max} bytes of JSON")
    except BaseException as error:  # noqa: BLE001 - reading a result may run its own code
        why = f"reading it raised {_shown(error)}"
        return _refused(result, f"the result is not a JSON value: {why}")
    if (size := len(encoded)) > bytes_max:
        return _refused(result, f"the result is {size} bytes of JSON; allowed are {bytes_max}")
    return {"returned": encoded.decode()}


def _refused(result: object, message: str) -> Message:
    _log(f"the result was refused: {_shown(result)}")
    return {"unreturnable": message}


def _shown(value: object) -> str:
    try:
        return shown(value)
    except BaseException as error:  # noqa: BLE001 - a repr may even raise SystemExit
        return f"<its repr raised {type(error).__name__}>"


def _log(line: str) -> None:
    """Write a line into the job's log, whatever the handler did to `sys.stderr`."""
    with suppress(Exception):
        sys.stderr.flush()
    with suppress(OSError):
        os.write(2, f"{line}\n".encode(errors="backslashreplace"))
