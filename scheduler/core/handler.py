"""Handlers: the decorator that makes a function one, and the loading of a folder of them.

    handlers/resize.py   @handler("resize", timeout_s=600)
                         def resize(data, job): ...
                              │ load, in the fork server
                              ▼
    {"resize": Handler}  in every pool process      HandlerOptions, as JSON, in the node

The node itself never imports a handler's file: it learns from a pool process what there is.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
import types
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Never, TypeVar

from scheduler.core.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Function = Callable[..., Any]

F = TypeVar("F", bound="Function")

LIST: Final = "__scheduler_handlers__"
"""Global in which a file's handlers are listed, whatever else becomes of their functions' names."""

MEMORY_BYTES_MIN: Final = 64 * 1024 * 1024
"""An interpreter with some handlers has a third of this before it does anything."""

PACKAGE: Final = "handlers"
"""Name under which a handlers folder is imported, wherever it lies: `from handlers.x import y`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerOptions:
    """What the node knows of a handler; travels as JSON."""

    name: str
    doc: str | None = None
    """First line of its docstring."""
    timeout_s: float | None = None
    """Time limit of one attempt; None for none."""
    grace_s: float | None = None
    """Between SIGTERM and SIGKILL; None for the node's."""
    memory_bytes: int | None = None
    """How much memory each of its processes may take; None for what the machine allows."""
    undoable: bool = False
    """Whether it has an `on_abort`."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that runs jobs of one name, and the one that undoes them."""

    options: HandlerOptions
    function: Function
    on_abort: Function | None
    place: str
    """File and line of the decorator, for the person who has to mend it."""


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
    `async`. So does `on_abort`, which undoes what the job did once its processes are dead.

    Args:
        name: 1 to 200 characters.
        timeout_s: time limit of one attempt in seconds; the job then ends `terminated`. Its
            `on_abort` gets as long once more, or a minute where there is no limit.
        grace_s: seconds between SIGTERM and SIGKILL; 0 kills at once; None for the node's.
        memory_bytes: how much memory each process of a job may take, the interpreter's own share
            among it; beyond it, `MemoryError` is raised.
        on_abort: may run more than once for one job, so it must not mind.
        unknown: no other option is taken; the error names the one that was meant.

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
    caller = sys._getframe(1)  # noqa: SLF001 - the file that says @handler, whatever it decorates
    place = f"{caller.f_code.co_filename}:{caller.f_lineno}"
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
        listed.append(Handler(options, function, on_abort, place))
        return function

    return mark


def call(function: Function, data: object, job: object) -> Any:  # noqa: ANN401 - a user's value
    """Call a handler or its `on_abort` with as many arguments as it takes."""
    return function(data, job) if _parameters(function) == 2 else function(data)


def load(folder: Path) -> Mapping[str, Handler]:
    """Import every `*.py` of a folder, in the order of the names, and collect the handlers by name.

    Raises:
        StartError: the folder is missing, a file does not import, or two handlers share a name.
    """
    if not folder.is_dir():
        raise StartError(f"[handlers] path = {str(folder)!r}: there is no such folder")
    found: dict[str, Handler] = {}
    for each in _listed(folder.absolute()):
        name = each.options.name
        if name in found:
            raise StartError(
                f"{each.place}: a handler named {name!r} is already at {found[name].place}"
            )
        found[name] = each
    return found


def _listed(folder: Path) -> Sequence[Handler]:
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    files = sorted(file for file in folder.glob("*.py") if not file.name.startswith("."))
    modules = [_import(file) for file in files]
    return [each for module in modules for each in vars(module).get(LIST, ())]


def _import(file: Path) -> types.ModuleType:
    try:
        return importlib.import_module(f"{PACKAGE}.{file.stem}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a user's file may raise anything, SystemExit too
        raise StartError(
            f"{_place_of(error, file)}: the handler file does not import: "
            f"{type(error).__name__}: {error}".replace("\n", " ")
        ) from error


def _place_of(error: BaseException, file: Path) -> str:
    """The line of `file` that the error came through, or the line it stumbled on."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    return f"{file}:{lines[-1]}" if lines else str(file)


@cache  # asked for each job, and slow to find out
def _parameters(function: Function, name: str = "it") -> int:
    """How many arguments it takes of `data` and `job`: 1 or 2.

    Raises:
        TypeError: it can be called with neither.
    """
    signature = inspect.signature(function)
    for arguments in (("data", "job"), ("data",)):
        with suppress(TypeError):
            signature.bind(*arguments)
            return len(arguments)
    raise TypeError(f"handler: {name} must take (data) or (data, job), not {signature}")


def _nameless(given: object) -> str:
    """What to say of it in place of a name: under `@handler` alone, it is the function."""
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
