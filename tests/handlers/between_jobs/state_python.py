"""What an interpreter has only one of: a way to change each, and a way to see it."""

from __future__ import annotations

import contextvars
import decimal
import gc
import locale
import socket
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from multiprocessing import get_start_method, set_start_method
from typing import Any

from scheduler import handler

TENANT = contextvars.ContextVar("TENANT", default="nobody")
LANGUAGE = "C.UTF-8"


def _nothing(*_: object) -> None:
    """A hook that does nothing."""


def _warn() -> str:
    """What comes of a warning: nothing, or an exception."""
    try:
        warnings.warn("old", UserWarning, stacklevel=1)
    except UserWarning as error:
        return type(error).__name__
    return "warned"


def _divide() -> str:
    """What comes of a division by zero."""
    try:
        return str(decimal.Decimal(1) / decimal.Decimal(0))
    except decimal.DivisionByZero as error:
        return type(error).__name__


def _let_divide() -> None:
    decimal.getcontext().traps[decimal.DivisionByZero] = False


def _third() -> str:
    return str(decimal.Decimal(1) / decimal.Decimal(3))


def _set_precision() -> None:
    decimal.getcontext().prec = 3


def _change_default_decimals() -> None:
    """Change what new threads begin with."""
    decimal.DefaultContext.prec = 5


def _default_decimals() -> int:
    return decimal.DefaultContext.prec


def _import_from(*, first: bool) -> None:
    if first:
        sys.path.insert(0, "/nowhere")
    else:
        sys.path.append("/nowhere")


def _import_nothing() -> None:
    sys.path = []


def _import_less() -> None:
    sys.path.pop()


def _stack_of_threads() -> int:
    threading.stack_size(was := threading.stack_size())
    return was


def _finders() -> int:
    return len(sys.meta_path)


def _arguments() -> None:
    sys.argv[1:] = ["--dry-run"]


def _hook(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """A hook of `sys`: whether it is the original one."""
    return lambda: setattr(sys, name, _nothing), lambda: getattr(sys, name) is not _nothing


STATES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "warnings ignored": (lambda: warnings.simplefilter("ignore"), _warn),
    "a warnings filter": (
        lambda: warnings.filterwarnings("error", message="old"),
        lambda: len(warnings.filters),
    ),
    "no warnings filters": (warnings.resetwarnings, lambda: len(warnings.filters)),
    "decimal precision": (_set_precision, _third),
    "decimal traps": (_let_divide, _divide),
    "a decimal context": (lambda: decimal.setcontext(decimal.Context(prec=4)), _third),
    "the default decimal context": (_change_default_decimals, _default_decimals),
    "a socket timeout": (lambda: socket.setdefaulttimeout(0.001), socket.getdefaulttimeout),
    "a folder to import from": (lambda: _import_from(first=True), lambda: list(sys.path)),
    "a last folder to import from": (lambda: _import_from(first=False), lambda: list(sys.path)),
    "no folders to import from": (_import_nothing, lambda: list(sys.path)),
    "no folder of the standard library": (_import_less, lambda: list(sys.path)),
    "a finder of modules": (lambda: sys.meta_path.append(sys.meta_path[-1]), _finders),
    "little recursion": (lambda: sys.setrecursionlimit(200), sys.getrecursionlimit),
    "slow switches of threads": (lambda: sys.setswitchinterval(1), sys.getswitchinterval),
    "long integers as text": (lambda: sys.set_int_max_str_digits(0), sys.get_int_max_str_digits),
    "a tracer": (lambda: sys.settrace(_nothing), lambda: sys.gettrace() is None),
    "a profiler": (lambda: sys.setprofile(_nothing), lambda: sys.getprofile() is None),
    "a tracer of threads": (
        lambda: threading.settrace(_nothing),
        lambda: threading.gettrace() is None,
    ),
    "a profiler of threads": (
        lambda: threading.setprofile(_nothing),
        lambda: threading.getprofile() is None,
    ),
    "the stack of threads": (lambda: threading.stack_size(1 << 20), _stack_of_threads),
    "traced memory": (tracemalloc.start, tracemalloc.is_tracing),
    "an exception hook": _hook("excepthook"),
    "a hook of unraisable exceptions": _hook("unraisablehook"),
    "an exception hook of threads": (
        lambda: setattr(threading, "excepthook", _nothing),
        lambda: threading.excepthook is not _nothing,
    ),
    "arguments": (_arguments, lambda: list(sys.argv)),
    "no garbage collection": (gc.disable, gc.isenabled),
    "rare garbage collection": (lambda: gc.set_threshold(100_000), gc.get_threshold),
    "a verbose garbage collection": (lambda: gc.set_debug(gc.DEBUG_STATS), gc.get_debug),
    "a callback of garbage collection": (
        lambda: gc.callbacks.append(_nothing),
        lambda: len(gc.callbacks),
    ),
    "a locale": (
        lambda: locale.setlocale(locale.LC_ALL, LANGUAGE),
        lambda: locale.setlocale(locale.LC_ALL),
    ),
    "a locale of numbers": (
        lambda: locale.setlocale(locale.LC_NUMERIC, LANGUAGE),
        lambda: locale.setlocale(locale.LC_NUMERIC),
    ),
    "a context variable": (lambda: TENANT.set("ada"), TENANT.get),
    "a start method of processes": (
        lambda: set_start_method("spawn", force=True),
        lambda: get_start_method(allow_none=True),
    ),
}


@handler("interpreter")
def interpreter(data: Any) -> Any:
    """Change a state if asked to; the state then."""
    change, state = STATES[data["state"]]
    if data["change"]:
        change()
    return state()
