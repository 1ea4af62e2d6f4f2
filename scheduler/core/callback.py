"""How a handler, or its `on_abort`, is called: which of its parameters get data and job context.

first positional parameter      the job's data
`job`, or a `JobContext`        the job context, by keyword if it is not the second
a second required parameter     the job context, whatever its name
any other                       must have a default, and is left alone
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from typing import Any, Final, get_args

from scheduler.core.context import JobContext

Function = Callable[..., Any]

POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
VARIABLE: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
NAMES_CONTEXT: Final = re.compile(rf"\b{JobContext.__name__}\b").search
"""An annotation is text in a file that begins with `from __future__ import annotations`."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A user's function, and how it takes the job context."""

    function: Function
    context: str | bool
    """Whether the context is the second argument; or the keyword by which it is passed."""
    is_async: bool
    """Whether it is known to return a coroutine. Any function may return one."""

    def __call__(self, data: object, job: object = None) -> Any:  # noqa: ANN401 - a user's value
        """Call the function with as much as it takes."""
        if self.context is True:
            return self.function(data, job)
        if self.context is False:
            return self.function(data)
        return self.function(data, **{self.context: job})


def callback(function: object, name: str = "it") -> Callback:
    """How to call this function.

    Args:
        name: what the function is, for the messages.

    Raises:
        TypeError: it is no function that can be called with data, or data and a context.
    """
    called = _instance(function, name)
    if not callable(called):
        raise TypeError(f"handler: {name} must be a function, not {function!r}")
    if _yields(called):
        raise TypeError(f"handler: {name} is a generator, which yields; it must return its result")
    return Callback(called, _context(called, name), is_async=_is_async(called))


def _instance(function: object, name: str) -> object:
    """What is called: a class that defines `__call__` stands for an instance, made once."""
    if isinstance(function, staticmethod):
        return function.__func__
    if not isinstance(function, type):
        return function
    if not any("__call__" in vars(each) for each in function.__mro__):
        raise TypeError(f"handler: {name} is the class {function.__qualname__}, without __call__")
    try:
        return function()
    except TypeError as error:
        raise TypeError(
            f"handler: {name} is the class {function.__qualname__}, of which no object can be made"
            f" without arguments: {error}"
        ) from error


def _variants(function: object) -> tuple[object, object]:
    """The function, and what a callable object runs."""
    while isinstance(function, partial):
        function = function.func
    return function, getattr(type(function), "__call__", None)  # noqa: B004 - what it is, not whether


def _yields(function: object) -> bool:
    return any(
        inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each)
        for each in _variants(function)
    )


def _is_async(function: Function) -> bool:
    # Not what it wraps: that may be run by the wrapper, in an event loop of its own.
    return any(map(inspect.iscoroutinefunction, _variants(function)))


def _context(function: Function, name: str) -> str | bool:
    """How the function takes the context; see `Callback.context`."""
    parameters = _parameters(function, name)
    positional = [each for each in parameters if each.kind in POSITIONAL]
    others = [each for each in parameters if each not in positional[:1]]
    named = [each for each in others if each.name == "job" or _is_context(each)]
    required = [each for each in others if each.default is Parameter.empty]
    context = next((each for each in named or required if each in named + positional), None)
    if not positional or _is_context(positional[0]) or any(each != context for each in required):
        told = ", ".join(map(str, parameters))
        raise TypeError(
            f"handler: {name} must take (data) or (data, job), and nothing else without a default;"
            f" not ({told})"
        )
    if context is None:
        return False
    return True if context in positional[1:2] else context.name


def _parameters(function: Function, name: str) -> Sequence[Parameter]:
    """The parameters; a decorator's `*args` stand for those of the function that it wraps."""
    try:
        signature = inspect.signature(function, follow_wrapped=False)
        if any(each.kind is Parameter.VAR_POSITIONAL for each in signature.parameters.values()):
            signature = inspect.signature(function)
    except ValueError as error:
        raise TypeError(
            f"handler: {name} is {function!r}, whose parameters are not known; write a function"
            " that calls it"
        ) from error
    parameters = [each for each in signature.parameters.values() if each.kind not in VARIABLE]
    if not parameters and signature.parameters:
        raise TypeError(
            f"handler: {name} takes {signature}, which does not say whether it wants a job context;"
            " a decorator says it with functools.wraps"
        )
    return parameters


def _is_context(parameter: Parameter) -> bool:
    annotation = parameter.annotation
    if isinstance(annotation, str):
        return NAMES_CONTEXT(annotation) is not None
    return annotation is JobContext or JobContext in get_args(annotation)
