"""What an interpreter has only one of: restored before the next job.

A job runs in a copy of the context variables, among them the context of `decimal`, and in a block
that keeps the warnings filters. Everything else is here: values that are read and set by functions,
attributes of modules, lists, and the environment.
"""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import multiprocessing
import os
import random
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any, Final

FUNCTIONS: Final[tuple[tuple[Callable[[], Any], Callable[[Any], object]], ...]] = (
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (sys.getswitchinterval, sys.setswitchinterval),
    (sys.get_int_max_str_digits, sys.set_int_max_str_digits),
    (sys.gettrace, sys.settrace),
    (sys.getprofile, sys.setprofile),
    (threading.gettrace, threading.settrace),
    (threading.getprofile, threading.setprofile),
    (socket.getdefaulttimeout, socket.setdefaulttimeout),
    (gc.isenabled, lambda enabled: gc.enable() if enabled else gc.disable()),
    (gc.get_threshold, lambda thresholds: gc.set_threshold(*thresholds)),
    (lambda: locale.setlocale(locale.LC_ALL), lambda name: locale.setlocale(locale.LC_ALL, name)),
    (
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda method: multiprocessing.set_start_method(method, force=True),
    ),
    (lambda: logging.root.level, logging.root.setLevel),
    (lambda: logging.root.manager.disable, logging.disable),
)
ATTRIBUTES: Final = (
    ("sys", ("argv", "path", "meta_path", "path_hooks")),
    ("sys", ("excepthook", "unraisablehook", "displayhook")),
    ("threading", ("excepthook",)),
    ("os", ("environ",)),
    ("tempfile", ("tempdir",)),
    ("asyncio.events", ("_event_loop_policy",)),
)
LISTS: Final[tuple[Callable[[], MutableSequence[Any]], ...]] = (
    lambda: sys.argv,
    lambda: sys.path,
    lambda: sys.meta_path,
    lambda: sys.path_hooks,
    lambda: logging.root.handlers,
    lambda: logging.root.filters,
)


class InterpreterState:
    """The state of this interpreter before its first job."""

    def __init__(self) -> None:
        self._decimal = decimal.getcontext().copy()
        self._functions = [read() for read, _ in FUNCTIONS]
        self._attributes = _attributes()
        self._lists = [(each(), tuple(each())) for each in LISTS]
        self._environment = dict(_environment())
        _seed()

    @contextmanager
    def kept(self) -> Iterator[Context]:
        """The context variables for one job; what it changes here is undone at the end."""
        context = copy_context()
        context.run(decimal.setcontext, self._decimal.copy())
        try:
            with warnings.catch_warnings():
                yield context
        finally:
            self._restore()

    def set_environment(self, variables: Mapping[str, str | None]) -> None:
        """Set variables, or remove them where None, and restore them so from now on."""
        for name, value in variables.items():
            encoded, wanted = os.fsencode(name), None if value is None else os.fsencode(value)
            if self._environment.get(encoded) == wanted:
                continue
            if value is None or wanted is None:
                del os.environ[name], self._environment[encoded]
            else:
                os.environ[name], self._environment[encoded] = value, wanted

    def _restore(self) -> None:
        for (read, write), before in zip(FUNCTIONS, self._functions, strict=True):
            if read() != before:
                write(before)
        for (module, name), before in self._attributes.items():
            setattr(sys.modules[module], name, before)
        for mutable, before in self._lists:
            if tuple(mutable) != before:
                mutable[:] = before
        if _environment() != self._environment:
            self._restore_environment()
        _seed()

    def _restore_environment(self) -> None:
        for name in _environment().keys() - self._environment.keys():
            del os.environ[os.fsdecode(name)]
        for name, value in self._environment.items():
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
        time.tzset()


def _attributes() -> dict[tuple[str, str], object]:
    return {
        (module, name): getattr(sys.modules[module], name)
        for module, names in ATTRIBUTES
        if module in sys.modules
        for name in names
    }


def _environment() -> Mapping[bytes, bytes]:
    """The environment without decoding it, which would take a hundred times as long."""
    return os.environ._data  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001


def _seed() -> None:
    """Give random generators new seeds: a job may have set one; the fork copied the others."""
    random.seed(int.from_bytes(os.urandom(16)))
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
