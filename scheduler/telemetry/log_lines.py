"""Log lines: for people on a terminal, one JSON object a line otherwise. On standard error."""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

import orjson
import structlog
from structlog.typing import EventDict


class Lossy:
    """Writes lines to a file, and drops what it does not take: a full disk must not end the node.

    What one turn of the event loop logs is written at its end, together: where many jobs end at
    once, a write for each line would cost more than what it tells of.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[str] = []

    def msg(self, line: str) -> None:
        """Have it written at the end of this turn; at once where no event loop runs."""
        self._waiting.append(f"{line}\n")
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what can be written."""
        text = "".join(self._waiting)
        self._waiting.clear()
        with suppress(OSError):
            self._file.write(text)
            self._file.flush()

    debug = info = warning = error = critical = msg  # as structlog calls it


def _json(_logger: object, _level: str, line: EventDict) -> str:
    """As JSON; by orjson, since each job has two lines, unless something in it is no Unicode."""
    try:
        return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z).decode()
    except TypeError:
        stamp = f"{line['timestamp']:%Y-%m-%dT%H:%M:%S.%fZ}"
        return json.dumps({**line, "timestamp": stamp}, default=repr)


class _Stamp:
    """Who says it, how grave it is, and when: on every line."""

    def __init__(self, node: str) -> None:
        self._node = node

    def __call__(self, _logger: object, level: str, line: EventDict) -> EventDict:
        line["node"] = self._node
        line["level"] = level
        line["timestamp"] = datetime.now(UTC)
        return line


def begin(*, node: str) -> None:
    """Set logging up for this process."""
    on_terminal = sys.stderr.isatty()
    file = Lossy(sys.stderr)
    atexit.register(file.flush)  # what was logged in the last turn
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            _Stamp(node),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if on_terminal else _json,
        ],
        logger_factory=lambda *_: file,
        cache_logger_on_first_use=True,
    )
    # A malformed request is its client's fault, and anybody could fill the log with tracebacks.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # An outage of PostgreSQL is told once, by `outage`; its driver would tell each try at length.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
