"""Log lines: for people on a terminal, one JSON object a line otherwise. On standard error."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import orjson
import structlog


class Lossy:
    """A text file that drops what it does not take now: a full disk must not end the node."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError):
            self._file.flush()


def _json(line: object, **_: object) -> str:
    """As JSON; by orjson, since each job has two lines, unless something in it is no Unicode."""
    try:
        return orjson.dumps(line, default=repr).decode()
    except TypeError:
        return json.dumps(line, default=repr)


def begin(*, node: str) -> None:
    """Set logging up for this process."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer()
            if on_terminal
            else structlog.processors.JSONRenderer(serializer=_json),
        ],
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", Lossy(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    # A malformed request is its client's fault, and anybody could fill the log with tracebacks.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    structlog.contextvars.bind_contextvars(node=node)
