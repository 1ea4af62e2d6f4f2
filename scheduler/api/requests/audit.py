"""What a request for the audit log may contain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from scheduler.api.requests import cursor
from scheduler.api.requests.models import LIMIT_DEFAULT, UID_PATTERN, Limit, Query
from scheduler.core.access.audit import TEXT_MAX, Action, AuditFilter


def instant(text: object) -> object:
    """A text of RFC 3339 as a time; a local one, whose offset nobody knows, is refused."""
    if not isinstance(text, str):
        return text
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    try:
        return at.astimezone(UTC)
    except OverflowError:  # in UTC it is beyond the year 9999, or before the first
        raise ValueError(text) from None


Instant = Annotated[
    datetime | None,
    BeforeValidator(instant),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]


class AuditQuery(Query):
    """Selects records of the audit log, page by page."""

    actor: Annotated[
        Annotated[str, StringConstraints(pattern=rf"^[^\x00]{{1,{TEXT_MAX}}}$")] | None,
        Field(description="the name of who did it, as the records have it"),
    ] = None
    uid: Annotated[
        Annotated[str, StringConstraints(pattern=UID_PATTERN)] | None,
        Field(description="the user whose jobs it is about, 1 to 200 characters"),
    ] = None
    action: Annotated[
        Action | None,
        Field(description=f"one of {', '.join(Action)}"),
    ] = None
    since: Annotated[
        Instant, Field(description="a time with its offset (RFC 3339): from then on")
    ] = None
    before: Annotated[
        Instant, Field(description="a time with its offset (RFC 3339): before it")
    ] = None
    limit: Limit = LIMIT_DEFAULT
    after: Annotated[
        str | None,
        AfterValidator(lambda text: None if text is None else cursor.decode(text)),
        Field(description="where the page before ended, taken from its Link header"),
    ] = None

    @property
    def which(self) -> AuditFilter:
        """What it selects."""
        return AuditFilter(
            actor=self.actor,
            uid=self.uid,
            action=self.action,
            since=self.since,
            before=self.before,
        )
