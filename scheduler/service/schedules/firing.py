"""Makes jobs of occurrences, as one node does it.

    store.schedules.due ─▶ core: due, verdicts ─▶ store.schedules.fire ─▶ queue.enqueue
                                                  moves the cursor, or does nothing at all

Any number of nodes may do so at once: the one whose transaction comes first moves the cursor, and
the others find that the schedule has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

import structlog

from scheduler.basics.counted import counted
from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.principal import JOB, Grant, Principal, Right, may
from scheduler.core.access.token import Token
from scheduler.core.change import queued
from scheduler.core.errors import QueueUnavailable, QuotaExceeded
from scheduler.core.job import HoldReason, Job, NewJob, Order
from scheduler.core.policy import waiting_job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.schedule_store import Firing, Made, Standing
from scheduler.core.ports.store import Store
from scheduler.core.quotas.quota import Quota, Quotas, queue_limits
from scheduler.core.schedules.cron import WrongCron
from scheduler.core.schedules.firing import Due, Verdict, due, verdicts
from scheduler.core.schedules.schedule import (
    PAUSED,
    Occurrence,
    Overlap,
    Schedule,
    SkipReason,
    paused_note,
)
from scheduler.core.schedules.zones import NoSuchZone

TRIES: Final = 3
"""Of a firing whose user's other jobs take the room of his quota meanwhile."""

log = structlog.get_logger()


class Firings:
    """Handles occurrences: each becomes one job, or is skipped with a reason."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        new_id: Callable[[], str],
        quotas: Quotas,
        on_occurrences: Callable[[str, int], None],
    ) -> None:
        """Collaborators.

        Args:
            on_occurrences: is told what became of how many occurrences.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._new_id = new_id
        self._quotas = quotas
        self._on_occurrences = on_occurrences
        self._unread: set[str] = set()
        """The ids of schedules that are left to other nodes."""

    async def handle(self, standing: Standing) -> bool:
        """Handle the occurrences of a schedule that are due; whether this node did.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        schedule = standing.schedule
        if schedule is None:
            return False
        note = await self._lost_right(schedule, standing.now) or await self._failing(schedule)
        if note is not None:
            log.warning("a schedule is paused", schedule=str(schedule.key), reason=note)
            whole = paused_note(note, schedule.plan.note)
            return await self._store.schedules.pause(schedule, note=whole)
        if (found := self._due(schedule, standing.now)) is None:
            return False
        room: int | None = None
        for last in (*[False] * TRIES, True):
            if (firing := self._firing(standing, found, room=0 if last else room)) is None:
                return False
            try:
                return await self.fire(firing) is not None
            except QuotaExceeded:
                room = await self._room(schedule.key.uid)
        return False

    def _due(self, schedule: Schedule, now: datetime) -> Due | None:
        """What is due of a schedule; None where only other nodes know its zone or expression.

        They are of a later version, or have later rules of zones: nothing here may end by that.
        """
        try:
            return due(schedule, now)
        except (NoSuchZone, WrongCron) as error:
            if schedule.id not in self._unread:
                self._unread.add(schedule.id)
                log.warning(
                    "a schedule is left to other nodes",
                    schedule=str(schedule.key),
                    reason=str(error),
                )
            return None

    async def fire(
        self, firing: Firing, *, audit: Sequence[AuditRecord] = ()
    ) -> Sequence[Job] | None:
        """Store what became of occurrences, and enqueue their jobs; as `ScheduleStore.fire`."""
        uid = firing.schedule.key.uid
        jobs = await self._store.schedules.fire(firing, quotas=self._limits(uid), audit=audit)
        if jobs is None:
            return None
        self._queue.announce([queued(job) for job in jobs])
        with suppress(QueueUnavailable):
            # While the queue is away they wait in the store, and the sweeper enqueues them.
            await self._queue.enqueue([waiting_job(job) for job in jobs if job.hold is None])
        for each in firing.occurrences if len(jobs) == len(firing.made) else ():
            self._on_occurrences(each.skipped or "job", each.count)
        return jobs

    def made(self, schedule: Schedule, verdict: Verdict) -> Made:
        """The job that an occurrence becomes."""
        plan = schedule.plan
        order = Order(priority=plan.priority, max_attempts=plan.max_attempts, needs=schedule.needs)
        new = NewJob(
            uid=schedule.key.uid,
            task=plan.task,
            data=plan.data,
            hook=plan.hook,
            id=self._new_id(),
            undoable=schedule.undoable,
            created_at=self._clock.now(),
            order=order,
            submitted_by=schedule.set_by,
        )
        reason = HoldReason.REPLACE if plan.overlap is Overlap.REPLACE else HoldReason.OVERLAP
        return Made(new, verdict.occurrence, reason if verdict.held else None)

    def _firing(self, standing: Standing, found: Due, *, room: int | None) -> Firing | None:
        schedule, now = standing.schedule, standing.now
        if schedule is None:
            return None
        decided = verdicts(
            found.made,
            schedule.plan.overlap,
            standing.unfinished,
            skip=SkipReason.PAUSED if standing.paused else None,
            room=room,
            remaining=schedule.plan.remaining,
        )
        made = {
            each.occurrence: self.made(schedule, each) for each in decided if each.skipped is None
        }
        occurrences = [
            Occurrence(
                scheduled_for=each.occurrence,
                at=now,
                job_id=made[each.occurrence].job.id if each.skipped is None else None,
                skipped=each.skipped,
            )
            for each in decided
        ]
        if found.last_missed is not None:
            missed = Occurrence(
                scheduled_for=found.last_missed,
                at=now,
                skipped=SkipReason.MISSED,
                count=found.missed,
            )
            occurrences.insert(0, missed)
        remaining = schedule.plan.remaining
        if remaining is not None:
            remaining -= len(made)
        return Firing(
            schedule=schedule,
            cursor=found.cursor,
            next_at=None if remaining == 0 else schedule.next_due(found.cursor),
            remaining=remaining,
            occurrences=occurrences,
            made=list(made.values()),
        )

    def _limits(self, uid: str) -> Mapping[str, Quota]:
        quota = self._quotas.of(uid)
        return {} if quota is None else queue_limits({uid: quota})

    async def _room(self, uid: str) -> int:
        """How many further queued jobs a user may have."""
        most = self._limits(uid)[uid].queued_max or 0
        use = (await self._store.usage([uid], count_max=most + 1))[uid]
        return max(0, most - use.queued)

    async def _lost_right(self, schedule: Schedule, now: datetime) -> str | None:
        """Why whoever set a schedule may not submit for its user any more; None where they may."""
        if schedule.token_id is None or schedule.token_id.startswith(JOB):
            return None
        found = await self._store.tokens.find([schedule.token_id])
        why = lost_right(found[0] if found else None, schedule.key.uid, now)
        return why and f"{PAUSED}, since {schedule.set_by!r}, who set it, {why}"

    async def _failing(self, schedule: Schedule) -> str | None:
        """Why a schedule whose jobs keep failing makes no further ones; None where it does."""
        most = schedule.plan.pause_after_failures
        if most is None:
            return None
        failures = await self._store.schedules.failures_in_a_row(schedule, count_max=most)
        return None if failures < most else f"{PAUSED} after {counted(most, 'failure')} in a row"


def lost_right(token: Token | None, uid: str, now: datetime) -> str | None:
    """Why a token may not submit jobs for a user any more; None where it may."""
    if token is None or token.revoked_at is not None:
        return "was revoked"
    if token.expires_at is not None and token.expires_at <= now:
        return "has expired"
    principal = Principal(name=token.name, grants=(Grant(token.role, token.uids),))
    return None if may(principal, Right.CHANGE, uid) else "may not submit for this user"
