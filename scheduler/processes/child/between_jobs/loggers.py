"""The loggers as they were before the first job: restored before the next one.

A logger is for the whole process, whichever job asks for it, so what one job sets would decide what
is in the log of another. One that a job made is set back to what a new logger is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final

NAMES: Final[tuple[dict[Any, Any], ...]] = (logging._levelToName, logging._nameToLevel)  # noqa: SLF001
"""The names of levels, both ways."""
HANDLERS: Final[list[Any]] = logging._handlerList  # type: ignore[attr-defined]  # noqa: SLF001
"""What `logging` flushes at exit; emptied by some configurations."""
_Settings = tuple[int, bool, bool, list[Any], list[Any]]
"""Level, whether it is disabled, whether it propagates, handlers and filters of a logger."""

NEW: Final[_Settings] = (logging.NOTSET, False, True, [], [])
"""The settings of a logger that nobody has changed."""
_settings: Final = attrgetter("level", "disabled", "propagate", "handlers", "filters")


class Loggers:
    """Keeps the settings of all loggers of this interpreter."""

    def __init__(self) -> None:
        self._first = {each: _copied(_settings(each)) for each in _loggers()}
        self._names = tuple(map(dict, NAMES))
        self._handlers = tuple(HANDLERS)
        self._note_loggers()

    def restore(self) -> None:
        """Restore what a job has changed."""
        if list(_known()) != self._known:
            self._note_loggers()
        if list(map(_settings, self._loggers)) != self._before:
            for each, before in zip(self._loggers, self._before, strict=True):
                if _settings(each) != before:
                    level, each.disabled, each.propagate, each.handlers[:], each.filters[:] = before
                    each.setLevel(level)
        for now, before_job in zip(NAMES, self._names, strict=True):
            if now != before_job:
                now.clear()
                now.update(before_job)
        if not HANDLERS:
            HANDLERS[:] = self._handlers

    def _note_loggers(self) -> None:
        """Note which loggers there are now, and what each is set back to."""
        self._known = list(_known())
        self._loggers = _loggers()
        self._before = [self._first.get(each, NEW) for each in self._loggers]


def _known() -> Iterable[logging.Logger | logging.PlaceHolder]:
    return logging.root.manager.loggerDict.values()


def _loggers() -> list[logging.Logger]:
    return [logging.root, *(each for each in _known() if isinstance(each, logging.Logger))]


def _copied(settings: _Settings) -> _Settings:
    level, disabled, propagate, handlers, filters = settings
    return level, disabled, propagate, list(handlers), list(filters)
