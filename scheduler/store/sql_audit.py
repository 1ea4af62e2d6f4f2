"""The `AuditLog` port in SQL. `core/ports/audit_log.py` says what each call promises.

`audited` makes a deed and its records one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from scheduler.basics.clock import id_before
from scheduler.core.access.audit import AuditFilter, AuditRecord
from scheduler.store import arguments, rows
from scheduler.store.database import Argument, Database, Row, Step

BEFORE_ALL_IDS: Final = ""
AFTER_ALL_IDS: Final = "~"


class SqlAudit:
    """The audit log, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch

    async def add(self, records: Sequence[AuditRecord]) -> None:
        """See `AuditLog`."""
        await self._fetch("add_audit", arguments.batch(map(arguments.audit_record, records)))

    async def page(
        self, which: AuditFilter, *, before_id: str | None = None, limit: int
    ) -> Sequence[AuditRecord]:
        """See `AuditLog`. It reads the index of the filter that is likely to leave the fewest."""
        actor, uid, action, since, before = which
        end = AFTER_ALL_IDS if before is None else id_before(before)
        begin = BEFORE_ALL_IDS if since is None else id_before(since)
        selection = (min(end, before_id or AFTER_ALL_IDS), begin, limit)
        if uid is not None:
            found = await self._fetch("audit_of_user", *selection, uid, actor, action)
        elif actor is not None:
            found = await self._fetch("audit_of_actor", *selection, actor, action)
        elif action is not None:
            found = await self._fetch("audit_of_action", *selection, action)
        else:
            found = await self._fetch("audit_page", *selection)
        return [rows.audit_record(row) for row in found]

    async def delete(self, *, before: datetime, limit: int) -> int:
        """See `AuditLog`."""
        return len(await self._fetch("delete_audit", id_before(before), limit))


def audited(name: str, *values: Argument, audit: Sequence[AuditRecord]) -> Sequence[Step]:
    """A write, and what stores the records of it where it has an effect."""
    return [Step(name, values), *audited_by(audit)]


def audited_by(audit: Sequence[AuditRecord]) -> Sequence[Step]:
    """What stores the records of the statements before it, where all of these have an effect."""
    if not audit:
        return ()
    return [Step("add_audit", [arguments.batch(map(arguments.audit_record, audit))])]


async def fetch_audited(
    database: Database, name: str, *values: Argument, audit: Sequence[AuditRecord]
) -> Sequence[Row]:
    """Run a write, and where it has an effect store the records of that with it; its rows."""
    written, *_ = await database.fetch_chain(audited(name, *values, audit=audit))
    return written
