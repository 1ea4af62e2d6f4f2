"""The `ScheduleStore` port in SQL. `core/ports/schedule_store.py` says what each call promises.

How `fire` keeps its promise: the first statement that writes moves the cursor, if the schedule is
of the revision that was read, and so takes the lock of its row. Whatever else concerns the schedule
(another node, a run now, a change) waits for that lock, and then finds another revision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import Hold, Job, LetGo, WaitingJob
from scheduler.core.ports.schedule_store import Firing, Made, Standing, Upcoming
from scheduler.core.quotas.quota import Quota, Use, queue_excess, schedules_excess
from scheduler.core.schedules.schedule import HISTORY_KEPT, Occurrence, Schedule, ScheduleKey
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step
from scheduler.store.sql_audit import audited, audited_by, fetch_audited

COUNTED_BEYOND: Final = 1000
"""How many schedules beyond its limit a user is told to have: the limit may have been lowered."""


class SqlSchedules:
    """The schedules, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch
        self._fetch_chain = database.fetch_chain
        self._fetch_audited = partial(fetch_audited, database)

    async def put(
        self,
        schedule: Schedule,
        *,
        revision: int | None,
        quota: Quota | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Schedule | None:
        """See `ScheduleStore`."""
        row = arguments.schedule(schedule)
        uid, name = schedule.key
        if revision is not None:
            put = await self._fetch_audited(
                "replace_schedule", row, uid, name, revision, audit=audit
            )
        elif quota is not None and quota.schedules_max is not None:
            put = await self._add_within(quota, quota.schedules_max, schedule.key, row, audit)
        else:
            put = await self._fetch_audited("add_schedule", row, audit=audit)
        return rows.schedule(put[0]) if put else None

    async def _add_within(
        self,
        quota: Quota,
        schedules_max: int,
        key: ScheduleKey,
        row: str,
        audit: Sequence[AuditRecord],
    ) -> Sequence[Row]:
        """Add a schedule, if its user has fewer than it may have.

        The lock of the user makes others that add one for it wait: so they count this one, too.
        """
        steps = [
            Step("lock_users", (arguments.keys([key.uid]),)),
            Step("within_schedules_max", (key.uid, key.name, schedules_max)),
            *audited("add_schedule", row, audit=audit),
        ]
        _, within, *added = await self._fetch_chain(steps)
        if not within:
            has = await self.count(key.uid, count_max=schedules_max + COUNTED_BEYOND)
            raise schedules_excess(key.uid, quota, has)
        return added[0]

    async def count(self, uid: str, *, count_max: int) -> int:
        """See `ScheduleStore`."""
        (row,) = await self._fetch("count_schedules", uid, count_max)
        return int(row["schedules"])

    async def delete(
        self, key: ScheduleKey, *, audit: Sequence[AuditRecord] = ()
    ) -> Schedule | None:
        """See `ScheduleStore`."""
        deleted = await self._fetch_audited("delete_schedule", key.uid, key.name, audit=audit)
        return rows.schedule(deleted[0]) if deleted else None

    async def standing(self, key: ScheduleKey) -> Standing:
        """See `ScheduleStore`."""
        (row,) = await self._fetch("schedule", key.uid, key.name)
        return rows.standing(row)

    async def page(
        self, uid: str | None, *, after: ScheduleKey | None = None, limit: int
    ) -> Sequence[Schedule]:
        """See `ScheduleStore`."""
        after_uid, after_name = after or ("", "")
        found = await self._fetch("schedules", uid, after_uid, after_name, limit)
        return [rows.schedule(row) for row in found]

    async def recent(self, schedule: Schedule, *, limit: int) -> Sequence[Occurrence]:
        """See `ScheduleStore`."""
        return [
            rows.occurrence(row) for row in await self._fetch("occurrences", schedule.id, limit)
        ]

    async def occurred(
        self, schedule: Schedule, times: Collection[datetime]
    ) -> Collection[datetime]:
        """See `ScheduleStore`."""
        by_ms = {arguments.milliseconds(each): each for each in times}
        wanted = arguments.keys(map(str, by_ms))
        uid, name = schedule.key
        found = await self._fetch("occurred", schedule.id, uid, name, wanted)
        return [by_ms[row["scheduled_for"]] for row in found]

    async def upcoming(self) -> Upcoming:
        """See `ScheduleStore`."""
        (row,) = await self._fetch("next_schedule")
        due_ms = row["due_ms"]
        return Upcoming(None if due_ms is None else due_ms / 1000, bool(row["overlapping"]))

    async def due(self, *, limit: int) -> Sequence[Standing]:
        """See `ScheduleStore`."""
        return [rows.standing(row) for row in await self._fetch("due_schedules", limit)]

    async def fire(
        self,
        firing: Firing,
        *,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
    ) -> Sequence[Job] | None:
        """See `ScheduleStore`."""
        counting = _counting(firing, quotas or {})
        firing_steps = [*counting, *_moving(firing), *_making(firing, audit)]
        answers = dict(
            zip(
                (step.name for step in firing_steps),
                await self._fetch_chain(firing_steps),
                strict=False,
            )
        )
        if counting and not answers.get("within_quotas"):
            raise await self._excess(firing, quotas or {})
        if not answers.get("advance_schedule"):
            return None
        stored = {row["id"]: row for row in answers.get("insert", ())}
        return [_stored(each, firing, stored[each.job.id]) for each in firing.made if stored]

    async def _excess(self, firing: Firing, quotas: Mapping[str, Quota]) -> Exception:
        uid = firing.schedule.key.uid
        most = quotas[uid].queued_max or 0
        found = await self._fetch("usage", arguments.keys([uid]), most + len(firing.made) + 1)
        use = {row["uid"]: Use(row["queued"], row["running"]) for row in found}
        return queue_excess([each.job for each in firing.made], quotas, use)

    async def pause(self, schedule: Schedule, *, note: str) -> bool:
        """See `ScheduleStore`."""
        uid, name = schedule.key
        return bool(await self._fetch("pause_schedule", uid, name, schedule.revision, note))

    async def failures_in_a_row(self, schedule: Schedule, *, count_max: int) -> int:
        """See `ScheduleStore`."""
        uid, name = schedule.key
        since = arguments.milliseconds(schedule.changed_at)
        (row,) = await self._fetch("failures_in_a_row", uid, name, since, count_max)
        return int(row["failures"])

    async def let_go(self, *, limit: int) -> LetGo:
        """See `ScheduleStore`.

        Of a schedule, two nodes could let different jobs go, if one came to replace the other's
        meanwhile: so the second looks when the first is through.
        """
        steps = [Step("lock_overlapping", ()), Step("let_go_overlapping", (limit,))]
        _, freed = await self._fetch_chain(steps)
        return rows.let_go(freed)

    async def replaced(self, *, limit: int) -> Sequence[WaitingJob]:
        """See `ScheduleStore`."""
        return [WaitingJob(row["id"], row["uid"]) for row in await self._fetch("replaced", limit)]


def _counting(firing: Firing, quotas: Mapping[str, Quota]) -> Sequence[Step]:
    """What stops all that follows where its user would have too many queued jobs."""
    if not quotas or not firing.made:
        return []
    limits = arguments.quotas([each.job for each in firing.made], quotas)
    count_max = max(each.queued_max or 0 for each in quotas.values())
    return [Step("lock_users", (limits,)), Step("within_quotas", (limits, count_max))]


def _moving(firing: Firing) -> Sequence[Step]:
    """What moves the cursor, and stops all that follows where somebody else has."""
    schedule = firing.schedule
    uid, name = schedule.key
    next_at = None if firing.next_at is None else arguments.milliseconds_up(firing.next_at)
    cursor_at = arguments.milliseconds(firing.cursor)
    steps = [
        Step(
            "advance_schedule",
            (uid, name, schedule.revision, cursor_at, next_at, firing.remaining),
        )
    ]
    if firing.occurrences:
        found = arguments.batch(arguments.occurrence(schedule, each) for each in firing.occurrences)
        steps.append(Step("add_occurrences", (found,)))
    return steps


def _making(firing: Firing, audit: Sequence[AuditRecord]) -> Sequence[Step]:
    """What stores the jobs, and forgets what is long past."""
    forgetting = Step("forget_occurrences", (firing.schedule.id, HISTORY_KEPT))
    if not firing.made:
        return [forgetting] if firing.occurrences else []
    new = arguments.batch(arguments.new_job(each.job) for each in firing.made)
    marks = arguments.batch(
        {
            "id": each.job.id,
            "schedule": firing.schedule.key.name,
            "scheduled_for": arguments.milliseconds(each.scheduled_for),
            "held": each.held,
        }
        for each in firing.made
    )
    inserting = [Step("insert", (new,)), Step("schedule_jobs", (marks,))]
    if any(each.job.idempotency_key is not None for each in firing.made):
        # Another request may have stored a job with the key just now: then there is none of these.
        unmade = Step("forget_unmade", (firing.schedule.id, marks), optional=True)
        inserting = [inserting[0]._replace(optional=True), unmade, inserting[1]]
    return [*inserting, *audited_by(audit), forgetting]


def _stored(made: Made, firing: Firing, row: Row) -> Job:
    times = rows.times(row)
    if made.held is not None:
        times |= {"hold": Hold(made.held, None), "eligible_at": None}
    return replace(
        made.job.stored(**times),
        schedule=firing.schedule.key.name,
        scheduled_for=made.scheduled_for,
    )
