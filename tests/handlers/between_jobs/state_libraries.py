"""What `logging`, `asyncio` and random generators have only one of."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import warnings
from collections.abc import Callable
from typing import Any

from scheduler import handler

ROOT = logging.getLogger()
OURS = logging.getLogger("state")
NEW = "state.new"
"""A logger that no file makes."""


class Strange(logging.Logger):
    """A class of loggers that a library might set."""


class Policy(asyncio.DefaultEventLoopPolicy):
    """A policy that a library might set."""


def _state_of_logging() -> list[object]:
    """What decides whether a line of a logger is in a log, and how it looks."""
    return [
        OURS.isEnabledFor(logging.INFO),
        OURS.getEffectiveLevel(),
        logging.getLogger(NEW).level,
        [type(each).__name__ for each in ROOT.handlers + OURS.handlers],
        [len(each.filters) for each in [ROOT, OURS, *ROOT.handlers]],
        [_format(each) for each in ROOT.handlers],
        logging.getLevelName(logging.INFO),
        logging.getLoggerClass().__name__,
        logging.getLogRecordFactory() is logging.LogRecord,
        warnings.showwarning.__module__,
        [logging.getHandlerByName(name) is None for name in ("left",)]
        if hasattr(logging, "getHandlerByName")
        else [],
        len(logging._handlerList) > 0,  # type: ignore[attr-defined]
    ]


def _format(each: logging.Handler) -> str:
    return "" if each.formatter is None else str(each.formatter._fmt)


def _no_handlers() -> None:
    for each in list(ROOT.handlers):
        ROOT.removeHandler(each)
    logging.lastResort = None


def _filter() -> None:
    ROOT.addFilter(lambda _: False)
    OURS.addFilter(lambda _: False)


def _formatter() -> None:
    ROOT.handlers[:] = [logging.StreamHandler(io.StringIO())]
    ROOT.handlers[0].setFormatter(logging.Formatter("another %(message)s"))


def _shutdown() -> None:
    """End logging, as at the end of a program."""
    logging.shutdown()
    logging._handlerList.clear()  # type: ignore[attr-defined]


LOGGING: dict[str, Callable[[], object]] = {
    "a level of the root logger": lambda: ROOT.setLevel(logging.ERROR),
    "a level of a logger": lambda: OURS.setLevel(logging.CRITICAL),
    "a level of a new logger": lambda: logging.getLogger(NEW).setLevel(logging.CRITICAL),
    "a level of all loggers": lambda: logging.disable(logging.CRITICAL),
    "no handlers": _no_handlers,
    "one more handler": lambda: ROOT.addHandler(logging.StreamHandler(io.StringIO())),
    "a filter": _filter,
    "a formatter": _formatter,
    "a shutdown": _shutdown,
    "other names of levels": lambda: logging.addLevelName(logging.INFO, "note"),
    "captured warnings": lambda: logging.captureWarnings(capture=True),
    "a class of loggers": lambda: logging.setLoggerClass(Strange),
    "a factory of records": lambda: logging.setLogRecordFactory(_record),
    "a logger that is disabled": lambda: setattr(OURS, "disabled", True),
}


def _record(*arguments: Any, **options: Any) -> logging.LogRecord:
    return logging.LogRecord(*arguments, **options)


@handler("logging_state")
def logging_state(data: Any) -> Any:
    """Change what logging does if asked to; what it does then."""
    if data["change"]:
        LOGGING[data["state"]]()
    return _state_of_logging()


async def _two() -> int:
    await asyncio.sleep(0)
    return 2


def _state_of_asyncio() -> list[str]:
    """The policy, and what comes of the ways in which older libraries ask for the event loop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy = type(asyncio.get_event_loop_policy()).__name__
        try:
            came = str(asyncio.get_event_loop().run_until_complete(_two()))
        except RuntimeError as error:
            came = str(error)
        return [policy, came]


def _set_loop(*, closed: bool) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    if closed:
        loop.close()
    else:
        loop.run_until_complete = lambda _: "another"  # type: ignore[assignment,method-assign,return-value]


ASYNCIO: dict[str, Callable[[], object]] = {
    "no event loop": lambda: asyncio.set_event_loop(None),
    "another event loop": lambda: _set_loop(closed=False),
    "a closed event loop": lambda: _set_loop(closed=True),
    "a policy": lambda: asyncio.set_event_loop_policy(Policy()),
    "a run": lambda: asyncio.run(_two()),
}


@handler("asyncio_state")
def asyncio_state(data: Any) -> Any:
    """Change what asyncio does if asked to; what it does then."""
    if data["change"]:
        ASYNCIO[data["state"]]()
    return _state_of_asyncio()


@handler("seed")
def seed(data: Any) -> Any:
    """Seed a generator if asked to, in one of several ways; its next values."""
    given, count = data["seed"], range(data["count"])
    if given is not None and data["kind"] == "random":
        random.seed(given)
    elif given is not None:
        random.setstate(random.Random(given).getstate())  # noqa: S311 - no secret
    return [random.random() for _ in count]  # noqa: S311 - no secret
