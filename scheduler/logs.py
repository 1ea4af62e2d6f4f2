"""Log lines: for people on a terminal, one JSON object a line otherwise. On standard error."""

from __future__ import annotations

import logging
import sys

import structlog


def begin(*, node: str) -> None:
    """Set logging up for this process."""
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if on_terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # A malformed request is its client's fault, and anybody could fill the log with tracebacks.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    structlog.contextvars.bind_contextvars(node=node)
