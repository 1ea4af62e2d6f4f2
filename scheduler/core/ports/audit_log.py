"""The port to the audit log, a part of the store; see the package."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from scheduler.core.access.audit import AuditFilter, AuditRecord


class AuditLog(Protocol):
    """Who did what.

    Most records are stored by the calls that do what they tell: see `Store` and `TokenStore`.
    """

    async def add(self, records: Sequence[AuditRecord]) -> None:
        """Store records. Where one has an id already, its count is added to the stored one's."""
        ...

    async def page(
        self, which: AuditFilter, *, before_id: str | None = None, limit: int
    ) -> Sequence[AuditRecord]:
        """The records that match, with ids below `before_id`, newest first (by id, a UUIDv7)."""
        ...

    async def delete(self, *, before: datetime, limit: int) -> int:
        """Delete records from before an instant, the oldest first; how many were deleted."""
        ...
