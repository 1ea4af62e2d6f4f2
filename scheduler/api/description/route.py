"""What is known of a route: enough to serve it and to describe it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from scheduler.api.limits.admission import is_urgent
from scheduler.api.problems import (
    BUSY,
    HEADER_TOO_LARGE,
    INTERNAL,
    NO_SUCH_PATH,
    TOO_SLOW,
    Kind,
)
from scheduler.api.requests.models import Query

View = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDescription:
    """A successful response of a route."""

    description: str
    shape: Any = None
    """The type of the body, from which pydantic makes a JSON schema; None if there is no body."""
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers that it may have, each with its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of a path, and the view that serves it.

    The first line of the view's docstring is the route's summary in the OpenAPI document, and the
    paragraphs after it are its description.
    """

    method: str
    path: str
    function: View
    responses: Mapping[int, ResponseDescription]
    problems: tuple[Kind, ...] = ()
    body: Any = None
    """The type of the JSON body; None if the route takes none."""
    path_parameters: type[Query] | None = None
    """The model of the parameters in the path."""
    query: type[Query] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """The request headers that it reads, each with its meaning."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """The patterns of some headers: a value that does not match is refused. Other headers with an
    invalid value are ignored."""

    @property
    def every_problem(self) -> tuple[Kind, ...]:
        """Its own problems, and those that come with its kind."""
        of_path = () if self.path_parameters is None else (NO_SUCH_PATH,)
        of_body = () if self.body is None else (TOO_SLOW,)
        of_load = () if is_urgent(self.method, self.path) else (BUSY,)
        of_kind = (*of_path, *of_body, *of_load)
        return (*self.problems, HEADER_TOO_LARGE, *of_kind, INTERNAL)

    @property
    def name(self) -> str:
        """Its operation id in the OpenAPI document, after which generated clients name methods."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """What it does, in one line: the first line of its view's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def description(self) -> str:
        """What a caller must know besides: the other paragraphs of its view's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[2].strip()
