"""Log lines on standard error: readable text on a terminal, otherwise one JSON object per line."""

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

from scheduler.basics.visible import escaped_json
from scheduler.telemetry.terminal import TerminalRenderer


class LossyWriter:
    """Writes lines to a file, and drops what cannot be written: a full disk must not end the node.

    The lines of one iteration of the event loop are written together at its end: when many jobs end
    at once, a write for each line would cost more than the jobs.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[str] = []

    def msg(self, line: str) -> None:
        """Write the line at the end of this iteration; at once if no event loop is running."""
        self._waiting.append(f"{line}\n")
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write the waiting lines, as far as the file takes them."""
        text = "".join(self._waiting)
        self._waiting.clear()
        with suppress(OSError):
            self._file.write(text)
            self._file.flush()

    debug = info = warning = error = critical = msg  # as structlog calls it


def _json(_logger: object, _level: str, line: EventDict) -> str:
    """The line as JSON: by orjson for speed (two lines per job), by `json` if it is not Unicode."""
    try:
        return escaped_json(orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z).decode())
    except TypeError:
        stamp = f"{line['timestamp']:%Y-%m-%dT%H:%M:%S.%fZ}"
        return json.dumps({**line, "timestamp": stamp}, default=repr)


class _Stamp:
    """Adds the node's name, the level and the time to every line."""

    def __init__(self, node: str) -> None:
        self._node = node

    def __call__(self, _logger: object, level: str, line: EventDict) -> EventDict:
        line["node"] = self._node
        line["level"] = level
        line["timestamp"] = datetime.now(UTC)
        return line


def configure(*, node: str) -> None:
    """Set logging up for this process."""
    on_terminal = sys.stderr.isatty()
    file = LossyWriter(sys.stderr)
    atexit.register(file.flush)  # what was logged in the last iteration
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            _Stamp(node),
            structlog.processors.format_exc_info,
            TerminalRenderer() if on_terminal else _json,
        ],
        logger_factory=lambda *_: file,
        cache_logger_on_first_use=True,
    )
    # A malformed request is the client's fault, and anybody could fill the log with tracebacks.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    # `basics/outage` logs an outage of PostgreSQL once; the driver would log every try at length.
    logging.getLogger("asyncpg").setLevel(logging.CRITICAL)
