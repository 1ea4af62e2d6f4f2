"""What is printed: JSON for programs, colours for terminals, plain text for everything else."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, RenderableType
from rich.text import Text

from scheduler.client import LogLine

WIDE: Final = 10_000
"""Columns where nobody looks: what is piped on must not be folded to fit a screen."""
STYLES: Final = {"stderr": "red", "notice": "dim"}
"""How lines of a stream look on a terminal."""
_CONTROLS: Final = {code: "�" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""A job's words must not move somebody's cursor or rename their window."""


def console() -> Console:
    """Standard output; colours only on a terminal, and not with NO_COLOR."""
    width = None if sys.stdout.isatty() else WIDE
    return Console(width=width, markup=False, highlight=False, emoji=False)


def say(what: RenderableType) -> None:
    """Print for people."""
    console().print(what)


def complain(line: str) -> None:
    """Print one line for whoever must mend something."""
    print(f"atlanscheduler: {plain(line)}", file=sys.stderr)  # noqa: T201 - what a command is for


def say_json(value: object) -> None:
    """Print one line of JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_document)
    print(text, flush=True)  # noqa: T201 - what a command is for


def say_line(line: LogLine, *, times: bool = False) -> None:
    """Print a line of a job's output: for a terminal in colour and harmless, else as it is."""
    text = f"{_document(line.at)} {line.text}" if times else line.text
    if sys.stdout.isatty():
        console().print(Text(plain(text), style=STYLES.get(line.stream, "")), soft_wrap=True)
    else:
        print(text, flush=True)  # noqa: T201 - what a command is for


def plain(text: str) -> str:
    """The text without what a terminal would obey."""
    return text.translate(_CONTROLS)


def _document(value: object) -> object:
    """What `json` does not know: our values, with the keys and the instants of the API."""
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds")
        return text.removesuffix("+00:00") + "Z"
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
