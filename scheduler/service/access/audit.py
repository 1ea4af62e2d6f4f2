"""The use cases of the audit log: write down what somebody does, and read it.

deed ─▶ recorded ─▶ the store's call, which stores both as one transaction
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from scheduler.basics.clock import new_id
from scheduler.core.access.audit import Action, AuditFilter, AuditRecord, is_for_another
from scheduler.core.access.principal import Principal, Right
from scheduler.core.job import NewJob
from scheduler.core.ports.audit_log import AuditLog
from scheduler.service.access.rights import require

NAMES_MAX: Final = 10
"""How many names a record lists; of more, only the first."""


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some records, newest first; `next_before` is the `before_id` of the next page, if any."""

    records: Sequence[AuditRecord]
    next_before: str | None


class Audit:
    """The audit log, for those who may read it."""

    def __init__(self, store: AuditLog) -> None:
        self._store = store

    async def page(
        self, by: Principal, which: AuditFilter, *, before_id: str | None, limit: int
    ) -> AuditPage:
        """Some records, newest first.

        Raises:
            Forbidden: somebody may not read them.
        """
        require(by, Right.ADMINISTER)
        found = await self._store.page(which, before_id=before_id, limit=limit + 1)
        page = found[:limit]
        return AuditPage(page, page[-1].id if len(found) > limit else None)


def recorded(
    by: Principal,
    action: Action,
    *,
    at: datetime,
    uid: str | None = None,
    target: str | None = None,
    count: int = 1,
    detail: Mapping[str, Any] | None = None,
) -> Sequence[AuditRecord]:
    """What somebody does, for the call of the store that does it."""
    record = AuditRecord.by(
        by,
        action,
        id=new_id(),
        at=at,
        uid=uid,
        target=target,
        count=count,
        detail=detail,
    )
    return [record]


def recorded_aborts(
    by: Principal,
    action: Action,
    *,
    at: datetime,
    uid: str,
    target: str | None = None,
    detail: Mapping[str, Any],
) -> Sequence[AuditRecord]:
    """What somebody aborts; nothing in mode `none`, where nobody is known.

    There a record would tell nothing, and with PostgreSQL cost each abort a millisecond.
    """
    if by.name is None:
        return ()
    return recorded(by, action, at=at, uid=uid, target=target, detail=detail)


def recorded_reruns(
    by: Principal,
    action: Action,
    *,
    at: datetime,
    uid: str | None,
    target: str | None = None,
    count: int = 1,
    detail: Mapping[str, Any] | None = None,
) -> Sequence[AuditRecord]:
    """What somebody runs again; nothing in mode `none`, as for aborts."""
    if by.name is None:
        return ()
    return recorded(by, action, at=at, uid=uid, target=target, count=count, detail=detail)


def recorded_submissions(
    by: Principal, jobs: Sequence[NewJob], *, at: datetime
) -> Sequence[AuditRecord]:
    """A record for each user for whom somebody submits only as an operator or admin."""
    others = {uid for uid in {job.uid for job in jobs} if is_for_another(by, uid)}
    if not others:
        return ()
    of_user: defaultdict[str, list[NewJob]] = defaultdict(list)
    for job in jobs:
        if job.uid in others:
            of_user[job.uid].append(job)
    return [
        record
        for uid, theirs in of_user.items()
        for record in recorded(
            by,
            Action.SUBMIT,
            at=at,
            uid=uid,
            target=theirs[0].id if len(theirs) == 1 else None,
            count=len(theirs),
            detail={"tasks": names({job.task for job in theirs})},
        )
    ]


def recorded_replacements(by: Principal, jobs: Sequence[NewJob]) -> Mapping[str, AuditRecord]:
    """What to record of the jobs that new ones replace, by the ids of these."""
    return {
        job.id: record
        for job in jobs
        if job.unique is not None and job.unique.replaces
        for record in recorded_aborts(
            by,
            Action.ABORT,
            at=job.created_at,
            uid=job.uid,
            detail={"reason": f"replaced by {job.id}"},
        )
    }


def names(found: set[str]) -> Sequence[str]:
    """Names in order, at most `NAMES_MAX`."""
    return sorted(found)[:NAMES_MAX]
