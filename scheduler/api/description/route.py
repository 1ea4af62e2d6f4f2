"""What is known of a route: enough to serve it and to describe it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from scheduler.api.access.browsers import READING
from scheduler.api.access.gate import View
from scheduler.api.limits.admission import is_urgent
from scheduler.api.problems import (
    BUSY,
    CROSS_SITE,
    FORBIDDEN,
    HEADER_TOO_LARGE,
    INTERNAL,
    MISDIRECTED,
    NO_SUCH_PATH,
    TOO_MANY,
    TOO_SLOW,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNMET,
    Kind,
)
from scheduler.api.requests.models import Query
from scheduler.core.access.principal import Right

ALWAYS: Final = (UNMET, MISDIRECTED, HEADER_TOO_LARGE, INTERNAL)
"""The problems that every route may have."""
RATE_LIMIT: Final = {
    "RateLimit-Policy": "where the user has a quota: its limits, as "
    "draft-ietf-httpapi-ratelimit-headers has them",
    "RateLimit": "where the user has a quota: what is left of each limit",
}
"""The headers of answers to submissions, each with its meaning."""
OF_RIGHTS: Final = (UNAUTHENTICATED, FORBIDDEN, TOO_MANY, UNAVAILABLE)
"""Those of routes that need a right."""


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
    right: Right
    """What whoever asks must have."""
    responses: Mapping[int, ResponseDescription]
    problems: tuple[Kind, ...] = ()
    body: Any = None
    """The type of the JSON body; None if the route takes none."""
    needs_body: bool = True
    """Whether the body must be there, if the route takes one."""
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
        of_path = (NO_SUCH_PATH,) if "{uid}" in self.path else ()
        of_body = () if self.body is None else (TOO_SLOW,)
        of_load = () if is_urgent(self.method, self.path) else (BUSY,)
        of_writes = () if self.method in READING else (CROSS_SITE,)
        of_rights = () if self.right is Right.OPEN else OF_RIGHTS
        of_kind = (*of_path, *of_body, *of_rights, *of_writes, *of_load)
        return tuple(dict.fromkeys((*self.problems, *ALWAYS, *of_kind)))

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
