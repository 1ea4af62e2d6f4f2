"""Log lines for people at a terminal: in colour, and a failure on several lines.

    12:00:05 [error    ] job terminated    attempt=1 job=019ab… task=sum user=ada
        ZeroDivisionError: division by zero
        at handlers/sums.py:12 in sum_up
        main.py show ada/019ab…

Nothing in a line acts on the terminal, and no text of a user's begins a line of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from textwrap import indent
from typing import Final

import structlog
from structlog.typing import EventDict

from scheduler.basics.visible import escaped

FAILURE: Final = ("kind", "type", "message", "where")
"""The fields of a failure; see `failures`."""
RED: Final = "\x1b[31m"
DIM: Final = "\x1b[2m"
RESET: Final = "\x1b[0m"


class TerminalRenderer:
    """Makes text of a line, as structlog's last processor."""

    def __init__(self) -> None:
        self._coloured = not os.environ.get("NO_COLOR")
        self._console = structlog.dev.ConsoleRenderer(colors=self._coloured)
        self._program = Path(sys.argv[0]).name

    def __call__(self, logger: object, level: str, line: EventDict) -> str:
        """The line as text."""
        line = {
            name: escaped(each) if isinstance(each, str) else each for name, each in line.items()
        }
        if "exception" in line:  # a traceback, whose message may quote a user
            line["exception"] = indent(line["exception"], "    ", lambda _: True)
        below = list(self._below(line)) if "message" in line and "kind" in line else []
        for name in FAILURE if below else ():
            line.pop(name, None)
        return "\n    ".join([self._console(logger, level, line), *below])

    def _below(self, line: EventDict) -> Iterator[str]:
        """The lines below one about a failure."""
        what = line.get("type") or line["kind"]
        yield self._in(RED, f"{what}: {line['message']}")
        if line.get("where"):
            yield f"at {_on_one_line(line['where'])}"
        if "user" in line and "job" in line:
            # The traceback of a clean-up is in the job's log, that of a job in its error.
            command = "logs" if str(line["event"]).startswith("clean-up") else "show"
            job = quote(f"{line['user']}/{line['job']}")
            yield self._in(DIM, f"{self._program} {command} {job}")

    def _in(self, colour: str, text: str) -> str:
        shown = _on_one_line(text)
        return f"{colour}{shown}{RESET}" if self._coloured else shown


def _on_one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t")
