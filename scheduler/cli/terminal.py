"""Printing: JSON for programs, colours for terminals, plain text for everything else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console, RenderableType
from rich.text import Text

from atlanscheduler_client import LogLine
from scheduler.basics.visible import escaped_json, plain
from scheduler.core.json_values.encoding import encode

WIDE: Final = 10_000
"""Columns if the output is not a terminal: piped text must not be wrapped to fit a screen."""
STYLES: Final = {"stderr": "red", "notice": "dim"}
"""The style of a log line on a terminal, by its stream."""


ONLY_TRUE: Final = {"deduplicated"}
"""What the API says only where it is so."""


def console() -> Console:
    """Standard output, with colours only on a terminal and without NO_COLOR."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(width=width, markup=False, highlight=False, emoji=False)


def print_rich(what: RenderableType) -> None:
    """Print text, or what rich can render, for people; in a pipe, no line ends with blanks."""
    out = console()
    if sys.stdout.isatty():
        out.print(what)
        return
    with out.capture() as printed:
        out.print(what)
    text = "\n".join(line.rstrip(" ") for line in printed.get().split("\n"))
    print(text, end="")  # noqa: T201 - what a command is for


def print_error(line: str) -> None:
    """Print one line on standard error, about what went wrong."""
    print(f"atlanscheduler: {plain(line)}", file=sys.stderr)  # noqa: T201 - what a command is for


def print_json(value: object) -> None:
    """Print one line of JSON."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_document)
    except (ValueError, RecursionError):
        text = encode(_documents(value), bytes_max=sys.maxsize).decode()
    print(_encodable(escaped_json(text)), flush=True)  # noqa: T201 - what a command is for


def print_log_line(line: LogLine, *, times: bool = False) -> None:
    """Print a line of a job's log: on a terminal coloured and without control characters."""
    text = f"{_document(line.at)} {line.text}" if times else line.text
    if sys.stdout.isatty():
        console().print(Text(plain(text), style=STYLES.get(line.stream, "")), soft_wrap=True)
    else:
        print(text, flush=True)  # noqa: T201 - what a command is for


def _encodable(text: str) -> str:
    """JSON with what the output's encoding does not have as escapes, so that it means the same."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return re.sub(r"[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text)
    return text


def _document(value: object) -> object:
    """For `json`: our dataclasses and datetimes in the API's format."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.removesuffix("+00:00") + "Z"
    if is_dataclass(value) and not isinstance(value, type):
        # Not `asdict`: that copies what jobs returned, by recursion.
        return dict(_told(value))
    raise TypeError(f"{type(value).__name__} is no JSON")


def _told(value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a dataclass
    """The fields of an object by name, without those that the API has only where they are true."""
    for field in fields(value):
        found = getattr(value, field.name)
        if found is not False or field.name not in ONLY_TRUE:
            yield field.name, found


def _documents(value: object) -> object:
    """Our dataclasses, lists of them and datetimes in the API's format; other values as they are.

    For values of users that `json` refuses, because they are deep or have long integers.
    """
    if isinstance(value, list) and value and is_dataclass(value[0]):
        return [_documents(each) for each in value]
    if isinstance(value, datetime):
        return _document(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _documents(each) for name, each in _told(value)}
    return value
