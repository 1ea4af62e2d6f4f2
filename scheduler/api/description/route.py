"""What is known of a route: enough to serve it, and enough to describe it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from scheduler.api.problems import Kind
from scheduler.api.requests.models import Query

View = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseDescription:
    """An answer that is no problem."""

    description: str
    shape: Any = None
    """A type that pydantic can make a JSON schema of; None where there is no body."""
    media: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers it may have, each with what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A method of a path; the first line of its function's docstring is its summary."""

    method: str
    path: str
    function: View
    answers: Mapping[int, ResponseDescription]
    problems: tuple[Kind, ...] = ()
    body: Any = None
    """The type of the JSON body, where it takes one."""
    place: type[Query] | None = None
    """The parameters in its path."""
    query: type[Query] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers it heeds, each with what it means."""
    strict: Mapping[str, str] = field(default_factory=dict)
    """Patterns of those that are refused where they do not match; others are ignored then."""

    @property
    def name(self) -> str:
        """Its name in the OpenAPI document, by which clients that are generated call it."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """What it does, in one line."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]
