"""What an interpreter has only one of: restored before the next job.

A job runs in a copy of the context variables, among them the context of `decimal`. Everything else
is in tables: values that are read and set by functions, attributes of modules, and lists. The
environment, the loggers and the random generators have their own files.

All tables are read after every job, so no entry runs code of Python to be read: that takes longer
than the look itself.
"""

from __future__ import annotations

import asyncio.events
import ctypes
import decimal
import faulthandler
import gc
import locale
import logging
import multiprocessing.context
import os
import socket
import sys
import tempfile
import threading
import tracemalloc
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, copy_context
from functools import partial
from operator import attrgetter, call
from typing import Any, Final

from scheduler.processes.child.between_jobs.environment import Environment
from scheduler.processes.child.between_jobs.loggers import Loggers
from scheduler.processes.child.between_jobs.random_state import restore_random


def _set_locale(name: bytes) -> None:
    locale.setlocale(locale.LC_ALL, name.decode())


_read_locale: Final = ctypes.PyDLL(None).setlocale  # that of Python decodes the answer
_read_locale.argtypes = (ctypes.c_int, ctypes.c_char_p)
_read_locale.restype = ctypes.c_char_p

FUNCTIONS: Final[tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...]] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (tracemalloc.is_tracing, lambda on: tracemalloc.start() if on else tracemalloc.stop()),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    (gc.get_threshold, lambda thresholds: gc.set_threshold(*thresholds)),
    (gc.get_debug, gc.set_debug),
    (partial(_read_locale, locale.LC_ALL, None), _set_locale),
    (partial(attrgetter("root.manager.disable"), logging), logging.disable),
    (
        partial(attrgetter("prec"), decimal.DefaultContext),
        partial(setattr, decimal.DefaultContext, "prec"),
    ),
)
READS: Final = tuple(read for read, _ in FUNCTIONS)
ATTRIBUTES: Final[tuple[tuple[object, tuple[str, ...]], ...]] = (
    (
        sys,
        (
            *("argv", "path", "meta_path", "path_hooks"),
            *("excepthook", "unraisablehook", "displayhook"),
        ),
    ),
    (threading, ("excepthook", "_trace_hook", "_profile_hook")),
    (os, ("environ",)),
    (tempfile, ("tempdir",)),
    (logging, ("lastResort", "raiseExceptions", "_loggerClass", "_logRecordFactory")),
    (asyncio.events, ("_event_loop_policy",)),
    (multiprocessing.context._default_context, ("_actual_context",)),  # noqa: SLF001 - the start method
)


class InterpreterState:
    """The state of this interpreter before its first job."""

    def __init__(self) -> None:
        self._decimal = decimal.getcontext().copy()
        self._functions = list(map(call, READS))
        self._attributes = _attributes()
        self._lists: list[list[Any]] = [
            sys.argv,
            sys.path,
            sys.meta_path,
            sys.path_hooks,
            gc.callbacks,
        ]
        self._in_lists = list(map(list, self._lists))
        self._stack_bytes = threading.stack_size(0)
        self._environment = Environment()
        self._loggers = Loggers()
        self._keep_warnings()
        self.restore()

    def set_environment(self, variables: Mapping[bytes, str | None]) -> None:
        """Set variables, or remove them where None; so they are restored from now on."""
        self._environment.set_variables(variables)

    def context(self) -> Context:
        """The context variables for one job: what it sets there is lost with them."""
        context = copy_context()
        context.run(decimal.setcontext, self._decimal.copy())
        return context

    def restore(self) -> None:
        """Restore what a job has changed."""
        if list(map(call, READS)) != self._functions:
            for (_, write), before in zip(FUNCTIONS, self._functions, strict=True):
                write(before)
        for space, attributes in self._attributes:
            space.update(attributes)
        if self._lists != self._in_lists:
            for mutable, items in zip(self._lists, self._in_lists, strict=True):
                mutable[:] = items
        faulthandler.cancel_dump_traceback_later()
        threading.stack_size(self._stack_bytes)
        self._environment.restore()
        self._loggers.restore()
        if warnings.filters != self._filters or warnings.showwarning is not self._showwarning:
            self._kept_warnings.__exit__(None, None, None)
            self._keep_warnings()
        restore_random()

    def _keep_warnings(self) -> None:
        self._kept_warnings = warnings.catch_warnings()
        self._kept_warnings.__enter__()
        self._filters = list(warnings.filters)
        self._showwarning = warnings.showwarning


def _attributes() -> Sequence[tuple[dict[str, Any], Mapping[str, object]]]:
    """The namespace of each module, and what is in it now."""
    spaces = ((vars(module), names) for module, names in ATTRIBUTES)
    return [(space, {name: space[name] for name in names}) for space, names in spaces]
