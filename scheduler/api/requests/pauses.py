"""What requests about pauses may contain."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from scheduler.api.requests.models import LIMIT_DEFAULT, AfterName, Body, Limit, Query, Reason
from scheduler.api.requests.order_fields import time_within_a_year
from scheduler.core.pause import PauseKey, PauseKind


def _kind(value: object) -> object:
    return PauseKind(value) if isinstance(value, str) and value in set(PauseKind) else value


def _of_a_pause(name: str | None) -> str | None:
    """The cursor of another list has no kind in front."""
    if name is not None:
        PauseKind(name.partition("/")[0])
    return name


Kind = Annotated[PauseKind, BeforeValidator(_kind)]


class PauseOrder(Body):
    """Why something is paused, and until when."""

    reason: Reason = None
    until: Annotated[
        datetime | None,
        BeforeValidator(time_within_a_year),
        WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
        Field(
            description="when the pause ends by itself: a time in the future with its offset (RFC "
            "3339), at most a year ahead, or null for never"
        ),
    ] = None


class PausePath(Query):
    """What is paused. It need not be there yet."""

    kind: Annotated[Kind, Field(description=f"one of {', '.join(PauseKind)}")]
    name: Annotated[
        str,
        StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$"),
        Field(
            description="the name of a handler, a user or a node: 1 to 200 characters without "
            "control characters"
        ),
    ]

    @property
    def key(self) -> PauseKey:
        """What it names."""
        return PauseKey(self.kind, self.name)


class PausesQuery(Query):
    """Selects pauses, page by page."""

    kind: Annotated[Kind | None, Field(description=f"one of {', '.join(PauseKind)}")] = None
    limit: Limit = LIMIT_DEFAULT
    after: Annotated[AfterName, AfterValidator(_of_a_pause)] = None

    @property
    def after_key(self) -> PauseKey | None:
        """The last pause of the page before."""
        if self.after is None:
            return None
        kind, _, name = self.after.partition("/")
        return PauseKey(PauseKind(kind), name)
