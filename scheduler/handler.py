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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from scheduler.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Function = Callable[..., Any]

F = TypeVar("F", bound="Function")

MARK: Final = "__scheduler_handlers__"
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
    undoable: bool = False
    """Whether it has an `on_abort`."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that runs jobs of one name, and the one that undoes them."""

    options: HandlerOptions
    function: Function
    on_abort: Function | None

    @property
    def place(self) -> str:
        """File and line, for the person who has to mend it."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"


def handler(
    name: str,
    *,
    timeout_s: float | None = None,
    grace_s: float | None = None,
    on_abort: Function | None = None,
) -> Callable[[F], F]:
    """Make a function the handler of all jobs whose `task` is `name`.

    The function takes `data`, or `data` and a `JobContext`, and returns a JSON value; it may be
    `async`. So does `on_abort`, which undoes what the job did once its processes are dead.

    Args:
        name: 1 to 200 characters.
        timeout_s: time limit of one attempt in seconds; the job then ends `terminated`.
        grace_s: seconds between SIGTERM and SIGKILL; 0 kills at once; None for the node's.
        on_abort: may run more than once for one job, so it must not mind.

    Raises:
        TypeError, ValueError: an option is of a wrong type, or out of range.
    """
    if not isinstance(name, str):
        raise TypeError(f"handler: the name must be a string, not {name!r}")
    if not 1 <= len(name) <= 200 or not name.isprintable():
        raise ValueError(f"handler: the name must be 1 to 200 printable characters, not {name!r}")
    _check_seconds("timeout_s", timeout_s, above=0)
    _check_seconds("grace_s", grace_s, above=None)

    def mark(function: F) -> F:
        _parameters(function)
        if on_abort is not None:
            _parameters(on_abort)
        options = HandlerOptions(
            name=name,
            doc=(inspect.getdoc(function) or "").partition("\n")[0] or None,
            timeout_s=timeout_s,
            grace_s=grace_s,
            undoable=on_abort is not None,
        )
        marks = [*getattr(function, MARK, ()), Handler(options, function, on_abort)]
        setattr(function, MARK, marks)
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
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(folder)]
    sys.modules[PACKAGE] = package
    found: dict[str, Handler] = {}
    for file in sorted(folder.glob("*.py")):
        for each in _import(file):
            name = each.options.name
            if name in found:
                raise StartError(
                    f"{each.place}: a handler named {name!r} is already at {found[name].place}"
                )
            found[name] = each
    return found


def _import(file: Path) -> Iterator[Handler]:
    try:
        module = importlib.import_module(f"{PACKAGE}.{file.stem}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a user's file may raise anything, SystemExit too
        raise StartError(
            f"{_place_of(error, file)}: the handler file does not import: "
            f"{type(error).__name__}: {error}".replace("\n", " ")
        ) from error
    for value in vars(module).values():
        if inspect.isfunction(value) and value.__module__ == module.__name__:
            yield from getattr(value, MARK, ())


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


def _parameters(function: Function) -> int:
    """How many arguments it takes of `data` and `job`: 1 or 2.

    Raises:
        TypeError: it takes neither one nor two positional arguments.
    """
    positional = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    parameters = inspect.signature(function).parameters.values()
    accepted = [parameter for parameter in parameters if parameter.kind in positional]
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in accepted):
        return 2
    if len(accepted) not in (1, 2):
        raise TypeError(f"handler: {function.__qualname__} must take (data) or (data, job)")
    return len(accepted)


def _check_seconds(name: str, seconds: float | None, *, above: float | None) -> None:
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"handler: {name} must be a number of seconds, not {seconds!r}")
    if not 0 <= seconds < float("inf") or seconds == above:
        raise ValueError(
            f"handler: {name} must be {'above' if above == 0 else 'at least'} 0, not {seconds!r}"
        )
