"""What an interpreter has only one of: restored before the next job.

A job runs in a copy of the context variables, among them the context of `decimal`. Everything else
is in tables: values that are read and set by functions, attributes of modules, and lists. The
environment, the loggers and the random generators have their own files.
"""

from __future__ import annotations

import decimal
import faulthandler
import gc
import locale
import logging
import multiprocessing
import socket
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Mapping, MutableSequence, Sequence
from contextvars import Context, copy_context
from typing import Any, Final

from scheduler.processes.child.between_jobs.environment import Environment
from scheduler.processes.child.between_jobs.loggers import Loggers
from scheduler.processes.child.between_jobs.random_state import restore_random

FUNCTIONS: Final[tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...]] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (threading.gettrace, threading.settrace),
    (threading.getprofile, threading.setprofile),
    (tracemalloc.is_tracing, lambda on: tracemalloc.start() if on else tracemalloc.stop()),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    (gc.get_threshold, lambda thresholds: gc.set_threshold(*thresholds)),
    (gc.get_debug, gc.set_debug),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda method: multiprocessing.set_start_method(method, force=True),
    ),
    (lambda: logging.root.manager.disable, logging.disable),
    (logging.getLoggerClass, logging.setLoggerClass),
    (logging.getLogRecordFactory, logging.setLogRecordFactory),
    (
        lambda: decimal.DefaultContext.prec,
        lambda prec: setattr(decimal.DefaultContext, "prec", prec),
    ),
)
ATTRIBUTES: Final = (
    ("sys", ("argv", "path", "meta_path", "path_hooks")),
    ("sys", ("excepthook", "unraisablehook", "displayhook")),
    ("threading", ("excepthook",)),
    ("os", ("environ",)),
    ("tempfile", ("tempdir",)),
    ("logging", ("lastResort", "raiseExceptions")),
    ("asyncio.events", ("_event_loop_policy",)),
)
LISTS: Final[tuple[Callable[[], MutableSequence[Any]], ...]] = (
    lambda: sys.argv,
    lambda: sys.path,
    lambda: sys.meta_path,
    lambda: sys.path_hooks,
    lambda: gc.callbacks,
)


class InterpreterState:
    """The state of this interpreter before its first job."""

    def __init__(self) -> None:
        self._decimal = decimal.getcontext().copy()
        self._functions = [read() for read, _ in FUNCTIONS]
        self._attributes = _attributes()
        self._lists = [(each(), tuple(each())) for each in LISTS]
        self._stack_bytes = threading.stack_size(0)
        self._environment = Environment()
        self._loggers = Loggers()
        self._keep_warnings()
        self.restore()

    def set_environment(self, variables: Mapping[str, str | None]) -> None:
        """Set variables, or remove them where None; so they are restored from now on."""
        self._environment.set_variables(variables)

    def context(self) -> Context:
        """The context variables for one job: what it sets there is lost with them."""
        context = copy_context()
        context.run(decimal.setcontext, self._decimal.copy())
        return context

    def restore(self) -> None:
        """Restore what a job has changed."""
        if [read() for read, _ in FUNCTIONS] != self._functions:
            for (_, write), before in zip(FUNCTIONS, self._functions, strict=True):
                write(before)
        for module, name, before in self._attributes:
            module[name] = before
        for mutable, before in self._lists:
            if tuple(mutable) != before:
                mutable[:] = before
        faulthandler.cancel_dump_traceback_later()
        threading.stack_size(self._stack_bytes)
        self._environment.restore()
        self._loggers.restore()
        if _warnings() != self._warnings:
            self._kept_warnings.__exit__(None, None, None)
            self._keep_warnings()
        restore_random()

    def _keep_warnings(self) -> None:
        self._kept_warnings = warnings.catch_warnings()
        self._kept_warnings.__enter__()
        self._warnings = _warnings()


def _warnings() -> tuple[object, ...]:
    """Which warnings are shown, and how."""
    return (*warnings.filters, warnings.showwarning)


def _attributes() -> Sequence[tuple[dict[str, Any], str, object]]:
    """The namespace of each module, the name in it, and what that is now."""
    spaces = ((vars(sys.modules[module]), names) for module, names in ATTRIBUTES)
    return [(space, name, space[name]) for space, names in spaces for name in names]
