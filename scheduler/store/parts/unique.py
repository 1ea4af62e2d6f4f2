"""Insertions of jobs with unique keys, in SQL.

    lock_unique       others who give the same keys away wait
    unique_free       nobody has them, but for those that are to be replaced; else it all ends here
    insert            as for any job, with what it waits for; else it all ends here
    add_replacements  records of the aborts that follow, where it is known who asks for them
    replace_unique    the jobs that have them lose them, and are aborted
    mark_unique       the new jobs get them, and are held while what they replace is not over

All of it is one transaction. With SQLite, one write comes after the other anyway. That a key has
two jobs is ruled out by an index, too: a job that is not over, and was not replaced, has its key.
One that was replaced holds it besides, until it is over: what comes next waits for it, even where
the job that replaced it is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from scheduler.core.access.audit import AuditRecord
from scheduler.core.errors import UniqueConflict
from scheduler.core.job import Job, NewJob, OnConflict
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step

TRIES: Final = 20
"""Of an insertion whose keys others get, and lose, at the same time."""

Key = tuple[str, str, str]
"""User, task and key."""


class Marked(NamedTuple):
    """What an insertion did."""

    jobs: Sequence[Row]
    """The new ones."""
    replaced: Sequence[Job]


class SqlUnique:
    """Insertions of jobs of which some have unique keys."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch

    async def found(self, jobs: Sequence[NewJob]) -> Mapping[str, Job]:
        """Those of new jobs that are answered with an existing one, by id.

        Raises:
            UniqueConflict: another job has the key of one that is to be refused then.
        """
        batch = arguments.batch(filter(None, map(arguments.unique, jobs)))
        holders = {_key_of(row): row for row in await self._fetch("unique_holders", batch)}
        found = {}
        for new in jobs:
            row = holders.get(key_of(new)) if new.unique is not None else None
            if row is None or new.unique is None:
                continue
            if new.unique.on_conflict is OnConflict.REJECT:
                raise UniqueConflict(rows.job(row))
            if new.unique.on_conflict is OnConflict.EXISTING:
                found[new.id] = rows.job(row)
        return found


def before(jobs: Sequence[NewJob]) -> Sequence[Step]:
    """What comes before the insertion of jobs."""
    with_key = [new for new in jobs if new.unique is not None]
    locks = arguments.keys("\x1f".join(key_of(new)) for new in with_key)
    batch = arguments.batch(map(arguments.unique, with_key))
    return [Step("lock_unique", (locks,)), Step("unique_free", (batch,))]


def after(
    jobs: Sequence[NewJob],
    *,
    at: datetime,
    by: str | None,
    replacing: Mapping[str, AuditRecord],
) -> Sequence[Step]:
    """What follows the insertion of jobs."""
    told = [
        arguments.replacement(new, record)
        for new in jobs
        if new.unique is not None and (record := replacing.get(new.id)) is not None
    ]
    telling = [Step("add_replacements", (arguments.batch(told),), optional=True)] if told else []
    batch = arguments.batch(arguments.unique(new) for new in jobs if new.unique is not None)
    instant = arguments.milliseconds(at)
    return [*telling, Step("replace_unique", (batch, instant, by)), Step("mark_unique", (batch,))]


def within(limits: str, count_max: int, jobs: Sequence[NewJob]) -> Step:
    """What stops all that follows where users would have too many queued jobs.

    A queued job that is replaced does not count: whoever is at the limit may replace what he has.
    """
    replacing = [new for new in jobs if new.unique is not None and new.unique.replaces]
    if not replacing:
        return Step("within_quotas", (limits, count_max))
    batch = arguments.batch(map(arguments.unique, replacing))
    return Step("within_quotas_replacing", (limits, count_max + len(replacing), batch))


def marked(jobs: Sequence[NewJob], answers: Mapping[str, Sequence[Row]]) -> Marked:
    """What the statements answered, by their names."""
    new_ids = {new.id for new in jobs}
    found = {row["id"]: row for row in (*answers["insert"], *answers["mark_unique"])}
    replaced = [rows.job(row) for row in answers["replace_unique"] if row["id"] not in new_ids]
    return Marked([found[new.id] for new in jobs], sorted(replaced, key=lambda job: job.id))


def key_of(new: NewJob) -> Key:
    """User, task and key of a job that has one."""
    return new.uid, new.task, new.unique.key if new.unique is not None else ""


def _key_of(row: Row) -> Key:
    return row["uid"], row["task"], row["unique_key"]
