"""The `PauseStore` port in SQL. `core/ports/pause_store.py` says what each call promises.

How `put` keeps its promise with PostgreSQL, where a claim may have looked before the pause was
there and be committed after it:

    claim, insert   lock the table of pauses before they look, as all statements do: ROW SHARE
    put             locks it so that it conflicts with that: EXCLUSIVE

    hold, insert    lock the rows of the pauses for which they hold jobs: KEY SHARE
    forget          locks the row, or leaves it where that conflicts: FOR UPDATE SKIP LOCKED

So `put` waits for those that have looked, and the others look when it is committed. It costs them
nothing: they lock the table by reading it. With SQLite, one write comes after the other anyway.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import WaitingJob
from scheduler.core.pause import Pause, PauseKey, PauseKind
from scheduler.core.ports.pause_store import Put
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step
from scheduler.store.sql_audit import audited, fetch_audited

BEFORE_ALL_TURNS: Final = -(2**62)

TABLE: Final = "pauses"
TRIES: Final = 3
"""Of a pause that others end, and put, at the same time."""


class SqlPauses:
    """The pauses, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch
        self._fetch_chain = database.fetch_chain
        self._fetch_audited = partial(fetch_audited, database)

    async def put(
        self,
        key: PauseKey,
        *,
        reason: str | None,
        until: datetime | None,
        by: str | None,
        audit: Sequence[AuditRecord] = (),
    ) -> Put:
        """See `PauseStore`."""
        until_ms = None if until is None else arguments.milliseconds_up(until)
        kind, name = key
        putting = audited("put_pause", kind, name, reason, until_ms, by, audit=audit)
        for _ in range(TRIES):
            put, *_ = await self._fetch_chain(putting, locked=TABLE)
            if put:
                return Put(rows.pause(put[0]), changed=True)
            there = await self._fetch("pause", kind, name)
            if there and (there[0]["reason"], there[0]["until"]) == (reason, until_ms):
                return Put(rows.pause(there[0]), changed=False)
        return Put(None, changed=False)

    async def end(self, key: PauseKey, *, audit: Sequence[AuditRecord] = ()) -> Pause | None:
        """See `PauseStore`."""
        ended = await self._fetch_audited("end_pause", key.kind, key.name, audit=audit)
        return rows.pause(ended[0]) if ended else None

    async def page(
        self, *, kind: PauseKind | None = None, after: PauseKey | None = None, limit: int
    ) -> Sequence[Pause]:
        """See `PauseStore`."""
        after_kind, after_name = after or ("", "")
        found = await self._fetch("pauses", kind, after_kind, after_name, limit)
        return [rows.pause(row) for row in found]

    async def of_node(self, name: str) -> Pause | None:
        """See `PauseStore`."""
        found = await self._fetch("pause", PauseKind.NODE, name)
        return rows.pause(found[0]) if found else None

    async def cleanups(
        self, *, after: WaitingJob | None = None, limit: int
    ) -> Sequence[WaitingJob]:
        """See `PauseStore`."""
        turn_ms, job_id = (BEFORE_ALL_TURNS, "") if after is None else (after.turn_ms, after.id)
        return _jobs(await self._fetch("cleanups_waiting", turn_ms, job_id, limit))

    async def hold(self, job_ids: Collection[str], *, ahead_max: int) -> Sequence[WaitingJob]:
        """See `PauseStore`."""
        found = await self._fetch("hold_paused", arguments.keys(job_ids), ahead_max)
        return _jobs(sorted(found, key=lambda row: row["id"]))

    async def ended(self, *, limit: int) -> Sequence[PauseKey]:
        """See `PauseStore`."""
        found = await self._fetch("ended_pauses", limit)
        return [PauseKey(PauseKind(row["kind"]), row["name"]) for row in found]

    async def let_go(self, key: PauseKey, *, limit: int) -> Sequence[WaitingJob]:
        """See `PauseStore`."""
        match key.kind:
            case PauseKind.TASK:
                freed = await self._fetch("let_go_of_task", key.name, limit)
            case PauseKind.UID:
                freed = await self._fetch("let_go_of_user", key.name, limit)
            case PauseKind.NODE:  # holds no job
                freed = ()
        return _jobs(sorted(freed, key=lambda row: (row["turn_at"], row["id"])))

    async def forget(self, key: PauseKey) -> bool:
        """See `PauseStore`."""
        # In two statements: the second one sees all jobs that were held before the first.
        _, *forgotten = await self._fetch_chain(
            [
                Step("lock_ended_pause", (key.kind, key.name)),
                Step("forget_pause", (key.kind, key.name)),
            ]
        )
        return any(forgotten)


def _jobs(found: Sequence[Row]) -> Sequence[WaitingJob]:
    return [rows.waiting_job(row) for row in found]
