"""An `AuditLog` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.core.access.audit import AuditFilter, AuditRecord


class MemoryAudit:
    """An `AuditLog` in a dictionary.

    Args:
        answer: called first by each method; it raises while the store is away.
    """

    def __init__(self, answer: Callable[[], None]) -> None:
        self.records: dict[str, AuditRecord] = {}
        self._answer = answer

    async def add(self, records: Sequence[AuditRecord]) -> None:
        self._answer()
        self.store(records)

    def store(self, records: Sequence[AuditRecord]) -> None:
        """Store records with what they tell: a part of the fakes' other calls."""
        for record in records:
            before = self.records.get(record.id)
            count = record.count + (0 if before is None else before.count)
            self.records[record.id] = replace(before or record, count=count)

    async def page(
        self, which: AuditFilter, *, before_id: str | None = None, limit: int
    ) -> Sequence[AuditRecord]:
        self._answer()
        newest = sorted(self.records.values(), key=lambda record: record.id, reverse=True)
        older = (each for each in newest if before_id is None or each.id < before_id)
        return [each for each in older if _matches(each, which)][:limit]

    async def delete(self, *, before: datetime, limit: int) -> int:
        self._answer()
        old = sorted(each.id for each in self.records.values() if each.at < before)[:limit]
        for record_id in old:
            del self.records[record_id]
        return len(old)


def _matches(record: AuditRecord, which: AuditFilter) -> bool:
    return (
        which.actor in (None, record.actor)
        and which.uid in (None, record.uid)
        and which.action in (None, record.action)
        and (which.since is None or record.at >= which.since)
        and (which.before is None or record.at < which.before)
    )
