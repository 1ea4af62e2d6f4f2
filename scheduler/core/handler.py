"""Handlers: the decorator that makes a function one, and its options.

    handlers/resize.py   @handler("resize", timeout_s=600)
                         def resize(data, job): ...
                              │ loaded in the fork server, by `processes.child.loading`
                              ▼
    {"resize": Handler}  in every pool process      HandlerOptions, as JSON, in the node

The node itself never imports a handler's file: a pool process tells it which handlers there are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Never, TypeVar

Function = Callable[..., Any]

F = TypeVar("F", bound="Function")

LIST: Final = "__scheduler_handlers__"
"""Global in which a file's handlers are listed: the names of their functions may be reused."""

MEMORY_BYTES_MIN: Final = 64 * 1024 * 1024
"""An interpreter with some handlers loaded takes a third of this before it runs a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """What the node knows about a handler; sent as JSON."""

    name: str
    doc: str | None = None
    """First line of its docstring."""
    timeout_s: float | None = None
    """Time limit of one attempt; None for no limit."""
    grace_s: float | None = None
    """Seconds between SIGTERM and SIGKILL; None for the node's setting."""
    memory_bytes: int | None = None
    """How much memory each of its processes may take; None for no limit but the machine's."""
    undoable: bool = False
    """Whether the handler has an `on_abort`."""


@dataclass(frozen=True, slots=True)
class Handler:
    """The function that runs the jobs of one task, and the one that undoes them."""

    options: HandlerOptions
    function: Function
    on_abort: Function | None
    location: str
    """File and line of the decorator, for the person who has to correct it."""


def handler(
    name: str,
    *,
    timeout_s: float | None = None,
    grace_s: float | None = None,
    memory_bytes: int | None = None,
    on_abort: Function | None = None,
    **unknown: Never,
) -> Callable[[F], F]:
    """Make a function the handler of all jobs whose `task` is `name`.

    The function takes `data`, or `data` and a `JobContext`, and returns a JSON value; it may be
    `async`. The same holds for `on_abort`, which undoes what the job did, once its processes are
    dead.

    Args:
        name: 1 to 200 characters.
        timeout_s: time limit of one attempt in seconds; the job then ends `terminated`. Its
            `on_abort` has the same limit for itself, or a minute where there is none.
        grace_s: seconds between SIGTERM and SIGKILL; 0 kills at once; None for the node's setting.
        memory_bytes: how much memory each process of a job may take, the interpreter included;
            beyond it, `MemoryError` is raised.
        on_abort: may run more than once for one job, so it must be idempotent.
        unknown: any other option is refused; the error suggests the one that was meant.

    Raises:
        TypeError, ValueError: an option is of a wrong type, or out of range.
    """
    if not isinstance(name, str):
        raise TypeError(_nameless(name))
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ValueError(f"handler: the name must be 1 to 200 printable characters, not {name!r}")
    _refuse(unknown)
    _check_seconds("timeout_s", timeout_s, above=0)
    _check_seconds("grace_s", grace_s, above=None)
    _check_bytes("memory_bytes", memory_bytes)
    caller = sys._getframe(1)  # noqa: SLF001 - the file with @handler, whatever it decorates
    location = f"{caller.f_code.co_filename}:{caller.f_lineno}"
    listed: list[Handler] = caller.f_globals.setdefault(LIST, [])

    if on_abort is not None:
        if not callable(on_abort):
            raise TypeError(f"handler: on_abort must be a function, not {on_abort!r}")
        _parameters(on_abort, "on_abort")

    def mark(function: F) -> F:
        _parameters(function)
        options = HandlerOptions(
            name=name,
            doc=(inspect.getdoc(function) or "").partition("\n")[0] or None,
            timeout_s=timeout_s,
            grace_s=grace_s,
            memory_bytes=memory_bytes,
            undoable=on_abort is not None,
        )
        listed.append(Handler(options, function, on_abort, location))
        return function

    return mark


def call(function: Function, data: object, job: object) -> Any:  # noqa: ANN401 - a user's value
    """Call a handler or its `on_abort` with as many arguments as it takes."""
    return function(data, job) if _parameters(function) == 2 else function(data)


@cache  # called for each job, and slow to compute
def _parameters(function: Function, name: str = "it") -> int:
    """How many of `data` and `job` the function takes: 1 or 2.

    Raises:
        TypeError: it can be called with neither number.
    """
    signature = inspect.signature(function)
    for arguments in (("data", "job"), ("data",)):
        with suppress(TypeError):
            signature.bind(*arguments)
            return len(arguments)
    raise TypeError(f"handler: {name} must take (data) or (data, job), not {signature}")


def _nameless(given: object) -> str:
    """The message for what was given in place of a name; with a bare `@handler`, the function."""
    if callable(given):
        return 'handler: it takes a name: write @handler("greet"), not @handler alone'
    return f"handler: the name must be a string, not {given!r}"


def _refuse(unknown: Iterable[str]) -> None:
    known = inspect.getfullargspec(handler).kwonlyargs
    for name in unknown:
        hint = "".join(f"did you mean {each}? " for each in get_close_matches(name, known, n=1))
        raise TypeError(f"handler: unknown option {name}; {hint}allowed: {', '.join(known)}")


def _check_seconds(name: str, seconds: float | None, *, above: float | None) -> None:
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"handler: {name} must be a number of seconds, not {seconds!r}")
    if not 0 <= seconds < float("inf") or seconds == above:
        raise ValueError(
            f"handler: {name} must be {'above' if above == 0 else 'at least'} 0, not {seconds!r}"
        )


def _check_bytes(name: str, count: int | None) -> None:
    if count is None:
        return
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"handler: {name} must be a number of bytes, not {count!r}")
    if not MEMORY_BYTES_MIN <= count < 2**63:
        raise ValueError(f"handler: {name} must be at least {MEMORY_BYTES_MIN}, not {count!r}")
