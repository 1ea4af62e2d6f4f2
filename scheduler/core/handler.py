"""Handlers: the decorator that makes a function one, and its options.

    handlers/resize.py   @handler("resize", timeout_s=600)
                         def resize(data, job): ...
                              │ imported in each pool process, by `processes.child.loading`
                              ▼
    {"resize": Handler}  in every pool process      HandlerOptions, as JSON, in the node

The node itself never imports a handler's file: a pool process tells it which handlers there are.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import FrameType
from typing import Any, Final, Never, TypeVar

from scheduler.core.callback import Callback, Function, callback
from scheduler.core.limits.declaration import (
    Limit,
    LimitRule,
    Throttle,
    ThrottleRule,
    limits,
    throttle_rule,
)
from scheduler.core.places.labels import LABEL_WORDS, NEEDS_MAX, is_label
from scheduler.core.places.labels import needs as in_order
from scheduler.core.retries.declaration import Retry, RetryRule

F = TypeVar("F")


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
    retry: RetryRule | None = None
    """When its failed jobs are tried again; None: not unless they ask for it."""
    needs: tuple[str, ...] = ()
    """The labels that a node must have to run its jobs, in order."""
    limit: tuple[LimitRule, ...] = ()
    """How many of its jobs run at once."""
    throttle: ThrottleRule | None = None
    """How many of its jobs begin within a time."""

    @property
    def limited(self) -> bool:
        """Whether its jobs may have to wait for each other."""
        return bool(self.limit) or self.throttle is not None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> HandlerOptions:
        """The options that were sent as JSON."""
        """The options that were sent as JSON."""
        retry, throttle = fields["retry"], fields["throttle"]
        rules = {
            "retry": None if retry is None else RetryRule.of(retry),
            "needs": tuple(fields["needs"]),
            "limit": tuple(map(LimitRule.of, fields["limit"])),
            "throttle": None if throttle is None else ThrottleRule.of(throttle),
        }
        return cls(**{**fields, **rules})


@dataclass(frozen=True, slots=True)
class Handler:
    """The function that runs the jobs of one task, and the one that undoes them."""

    options: HandlerOptions
    function: Callback
    on_abort: Callback | None
    retry: Retry | None
    decorated: object
    """What the decorator was applied to."""
    module: str
    """The name of the module with the decorator."""
    location: str
    """File and line of the decorator, for the person who has to correct it."""


REGISTERED: Final[list[Handler]] = []
"""Every handler of this interpreter, in the order of the decorators that ran."""


def handler(
    name: str,
    *,
    timeout_s: float | None = None,
    grace_s: float | None = None,
    memory_bytes: int | None = None,
    retry: Retry | None = None,
    needs: Iterable[str] = (),
    limit: Limit | tuple[Limit, ...] | None = None,
    throttle: Throttle | None = None,
    on_abort: Function | None = None,
    **unknown: Never,
) -> Callable[[F], F]:
    """Make a function the handler of all jobs whose `task` is `name`.

    The function takes `data`, or `data` and a `JobContext` (see `core.callback`), and returns a
    JSON value; it may be `async`. The same holds for `on_abort`, which undoes what the job did,
    once its processes are dead.

    Args:
        name: 1 to 200 characters.
        timeout_s: time limit of one attempt in seconds; the job then ends `terminated`. Its
            `on_abort` has the same limit for itself, or a minute where there is none.
        grace_s: seconds between SIGTERM and SIGKILL; 0 kills at once; None for the node's setting.
        memory_bytes: what each process of a job may take, interpreter included, or `MemoryError`.
        retry: when jobs that failed are tried again; None: if submitted with `max_attempts`.
        needs: labels that a node must have to run its jobs, such as `("gpu",)`.
        limit, throttle: how many of its jobs run at once, and begin within a time, for each key.
        on_abort: may run more than once for one job, so it must be idempotent.
        unknown: any other option is refused; the error suggests the one that was meant.

    Raises:
        TypeError, ValueError: an option is of a wrong type, or out of range.
    """
    _check_name(name)
    _refuse(unknown)
    _check_seconds("timeout_s", timeout_s, above=0)
    _check_seconds("grace_s", grace_s, above=None)
    _check_bytes("memory_bytes", memory_bytes)
    rules = _rules(retry, needs, limit, throttle)
    caller = sys._getframe(1)  # noqa: SLF001 - the file with @handler, whatever it decorates
    module, location = _place(caller)
    undo = None if on_abort is None else callback(on_abort, "on_abort")

    def mark(function: F) -> F:
        _refuse_method(function, caller)
        options = HandlerOptions(
            name=name,
            doc=_first_line(function),
            timeout_s=timeout_s,
            grace_s=grace_s,
            memory_bytes=memory_bytes,
            undoable=undo is not None,
            **rules,
        )
        found = callback(function)
        REGISTERED.append(Handler(options, found, undo, retry, function, module, location))
        return function

    return mark


def _place(caller: FrameType) -> tuple[str, str]:
    """The module that is executed there, and its file and line."""
    module = caller.f_globals.get("__name__", "")
    return module, f"{caller.f_code.co_filename}:{caller.f_lineno}"


def _first_line(function: object) -> str | None:
    return (inspect.getdoc(function) or "").partition("\n")[0] or None


def _refuse_method(function: object, caller: FrameType) -> None:
    """Refuse a function that is defined in a class: called as it is, it has no `self`."""
    in_class = "__qualname__" in caller.f_locals and caller.f_locals is not caller.f_globals
    wants_self = inspect.isfunction(function) and function.__code__.co_varnames[:1] == ("self",)
    if wants_self or (in_class and not isinstance(function, staticmethod | type)):
        raise TypeError(
            f"handler: {getattr(function, '__qualname__', function)} is a method, which would get"
            " the data as its first parameter; decorate a function, a staticmethod, or an object"
        )


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(_nameless(name))
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ValueError(f"handler: the name must be 1 to 200 printable characters, not {name!r}")


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


def _needed(needs: object) -> tuple[str, ...]:
    if isinstance(needs, str) or not isinstance(needs, Iterable):
        raise TypeError(
            f'handler: needs must be a tuple of labels, such as ("gpu",), not {needs!r}'
        )
    found = tuple(needs)
    for label in found:
        if not is_label(label):
            raise ValueError(f"handler: needs: {label!r} is no label; allowed: {LABEL_WORDS}")
    if len(set(found)) > NEEDS_MAX:
        raise ValueError(f"handler: needs may have {NEEDS_MAX} labels, not {len(set(found))}")
    return in_order(found)


def _rules(retry: object, needs: object, limit: object, throttle: object) -> dict[str, Any]:
    """When jobs are tried again, where they run, and how they wait for each other."""
    if retry is not None and not isinstance(retry, Retry):
        raise TypeError(f"handler: retry must be a Retry, such as Retry(5), not {retry!r}")
    return {
        "retry": None if retry is None else retry.rule,
        "needs": _needed(needs),
        "limit": limits(limit),
        "throttle": throttle_rule(throttle),
    }
