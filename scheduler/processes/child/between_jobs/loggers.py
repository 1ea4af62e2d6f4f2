"""The loggers as they were before the first job: restored before the next one.

A logger is for the whole process, whichever job asks for it, so what one job sets would decide what
is in the log of another. One that a job made is set back to what a new logger is.
"""

from __future__ import annotations

import logging
from typing import Any, Final

NAMES: Final[tuple[dict[Any, Any], ...]] = (logging._levelToName, logging._nameToLevel)  # noqa: SLF001
"""The names of levels, both ways."""
HANDLERS: Final[list[Any]] = logging._handlerList  # type: ignore[attr-defined]  # noqa: SLF001
"""What `logging` flushes at exit; emptied by some configurations."""


_Settings = tuple[int, bool, bool, tuple[Any, ...], tuple[Any, ...]]
"""Level, whether it is disabled, whether it propagates, handlers and filters of a logger."""

NEW: Final[_Settings] = (logging.NOTSET, False, True, (), ())


class Loggers:
    """Keeps the settings of all loggers of this interpreter."""

    def __init__(self) -> None:
        self._before = {each: _settings(each) for each in _loggers()}
        self._names = tuple(map(dict, NAMES))
        self._handlers = tuple(HANDLERS)

    def restore(self) -> None:
        """Restore what a job has changed."""
        for each in _loggers():
            before = self._before.get(each, NEW)
            if _settings(each) != before:
                level, each.disabled, each.propagate, each.handlers[:], each.filters[:] = before
                each.setLevel(level)
        for now, before_job in zip(NAMES, self._names, strict=True):
            if now != before_job:
                now.clear()
                now.update(before_job)
        if not HANDLERS:
            HANDLERS[:] = self._handlers


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def _settings(logger: logging.Logger) -> _Settings:
    handlers, filters = tuple(logger.handlers), tuple(logger.filters)
    return logger.level, logger.disabled, logger.propagate, handlers, filters
