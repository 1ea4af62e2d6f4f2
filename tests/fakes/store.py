"""A `Store` in a dictionary."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from scheduler.basics.clock import SystemClock
from scheduler.core.access.audit import AuditRecord
from scheduler.core.errors import Conflict, ParentAborted, StoreUnavailable, UniqueConflict
from scheduler.core.job import (
    FINAL,
    NOTHING_RAN,
    Abort,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Hold,
    HoldReason,
    Job,
    JsonText,
    LetGo,
    Line,
    NewJob,
    Node,
    OnConflict,
    Progress,
    Settlement,
    Status,
    WaitingJob,
)
from scheduler.core.job_log import LogPage, Written
from scheduler.core.places.labels import ANYWHERE, LANES_SEEN_MAX, Place, lane_of
from scheduler.core.policy import expired_failure, waiting_cleanup, waiting_job
from scheduler.core.ports.store import ClaimedWithin, Inserted, Released, Reordered, Retiming
from scheduler.core.quotas.quota import Quota, Quotas, Use, queue_excess
from scheduler.core.rerun import Reran, RerunFilter, Rerunnable
from scheduler.core.statistics import STEP, FinishedCount, JobCounts, JobDurations
from scheduler.core.webhook import CallStatus, Event, HookCall, Verdict, receiver
from tests.fakes.audit import MemoryAudit
from tests.fakes.dependencies import MemoryDependencies
from tests.fakes.limiters import MemoryLimiters
from tests.fakes.pauses import MemoryPauses
from tests.fakes.rows import (
    Row,
    call_of,
    call_of_retry,
    claim_as_it_is,
    claim_of,
    let_go,
    new_row,
    release,
    size_of,
)
from tests.fakes.schedules import MemorySchedules
from tests.fakes.tokens import MemoryTokens


class MemoryStore:
    """A `Store` in a dictionary; every call is one step, so all of them are atomic."""

    def __init__(self, *, now: Callable[[], datetime] | None = None) -> None:
        """With the time of day of its clock, which is no node's."""
        self.now = now or SystemClock().now
        self.identity = uuid4().hex
        self.away = False
        self.rows: dict[str, Row] = {}
        self.hook_calls: dict[str, HookCall] = {}
        self._nodes: dict[str, Node] = {}
        self.audit = MemoryAudit(self._answer)
        self.tokens = MemoryTokens(self._answer, self.audit)
        self.pauses = MemoryPauses(self._answer, self.audit, rows=self.rows, now=self.now)
        self.limiters = MemoryLimiters(self._answer, self)
        self.due = asyncio.Event()
        self.dependencies = MemoryDependencies(
            self._answer, rows=self.rows, now=self.now, due=self.due
        )
        self.schedules = MemorySchedules(
            self._answer, self.audit, self.pauses, rows=self.rows, now=self.now, fit=self._must_fit
        )

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("the store does not answer")

    async def insert(
        self,
        jobs: Sequence[NewJob],
        *,
        claimer: str | None = None,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
        replacing: Mapping[str, AuditRecord] | None = None,
    ) -> Inserted:
        self._answer()
        if any(new.unique is not None for new in jobs):
            return await self._insert_unique(jobs, quotas, audit, replacing or {})
        return await self._insert(jobs, claimer, quotas, audit)

    async def _insert_unique(
        self,
        jobs: Sequence[NewJob],
        quotas: Mapping[str, Quota] | None,
        audit: Sequence[AuditRecord],
        replacing: Mapping[str, AuditRecord],
    ) -> Inserted:
        keys = [(new.uid, new.task, new.unique.key) for new in jobs if new.unique is not None]
        if len(set(keys)) < len(keys):
            raise Conflict("two jobs of one request have the same unique key")
        if rest := self._not_stored_then(jobs):
            earlier = [new for new in jobs if new not in rest]
            before = await self._insert(earlier, None, None, audit)
            inserted = await self._insert_unique(rest, quotas, audit, replacing)
            return _joined(jobs, dict(zip(earlier, before.jobs, strict=True)), rest, inserted)
        if any(map(self._stored, jobs)):
            return await self._insert(jobs, None, None, audit)
        holders = {new.id: row for new in jobs if (row := self._holder(new)) is not None}
        found = dict(_found(jobs, holders))
        fresh = [new for new in jobs if new.id not in found]
        if not fresh:
            there = [found[new.id] for new in jobs]
            return Inserted(there, created=False, found={job.id for job in there})
        inserted = await self._insert(fresh, None, quotas, audit)
        replaced = [
            self._replace(row, self.rows[new.id], replacing.get(new.id))
            for new in fresh
            if (row := holders.get(new.id)) is not None
        ]
        stored = {new.id: self.rows[new.id].job for new in fresh} | found
        return inserted._replace(
            jobs=[stored[new.id] for new in jobs],
            found={job.id for job in found.values()},
            replaced=sorted(replaced, key=lambda job: job.id),
            queued={uid: self._use(uid).queued for uid in inserted.queued},
        )

    def _holder(self, new: NewJob | Job) -> Row | None:
        """The row of another job that holds the key of one; a replaced one only as the last."""
        if new.unique is None:
            return None
        found = [
            row
            for row in self.rows.values()
            if row.holds_key and row.job.id != new.id and _key(row.job) == _key(new)
        ]
        return min(found, key=lambda row: row.job.replaced_by is not None, default=None)

    def _replace(self, old: Row, new: Row, record: AuditRecord | None) -> Job:
        """Abort a job for its successor, which waits until it, or what it waited for, is over."""
        abort = Abort(
            requested_at=new.job.created_at,
            by=new.job.submitted_by,
            reason=f"replaced by {new.job.id}",
            grace_s=None,
        )
        if old.job.abort is None and old.job.status in {Status.QUEUED, Status.RUNNING} and record:
            self.audit.store([replace(record, target=old.job.id)])
        if old.job.replaced_by is None:
            old.change(replaced_by=new.job.id, abort=old.job.abort or abort)
        if old.job.status is Status.QUEUED:
            old.finish_abort(at=new.job.created_at, death=NOTHING_RAN)
        self._note_ends()
        if (before := self._holder(new.job)) is not None:
            hold = Hold(HoldReason.UNIQUE, None)
            new.change(replaces=before.job.id, hold=hold, eligible_at=None)
        return old.job

    async def let_go_unique(self, *, limit: int) -> LetGo:
        self._answer()
        now = self.now()
        free = [row for row in self.rows.values() if self._is_free(row)][:limit]
        for row in free:
            row.let_go(now)
        return let_go(free)

    def _is_free(self, row: Row) -> bool:
        """Whether it is held for others with its unique key, and these are over."""
        hold = row.job.hold
        held = hold is not None and hold.reason == HoldReason.UNIQUE
        return held and self._holder(row.job) is None

    def _note_ends(self) -> None:
        """Tell the promoter where jobs may be let go that waited for the end of another one."""
        self.dependencies.note_ends()
        if any(map(self._is_free, self.rows.values())):
            self.due.set()

    async def _insert(
        self,
        jobs: Sequence[NewJob],
        claimer: str | None,
        quotas: Mapping[str, Quota] | None,
        audit: Sequence[AuditRecord],
    ) -> Inserted:
        keys = [(new.uid, new.idempotency_key) for new in jobs if new.idempotency_key]
        if len(set(keys)) < len(keys):
            raise Conflict("two jobs of one request have the same idempotency key")
        earlier = [row for row in map(self._stored, jobs) if row is not None]
        if not earlier:
            for new in filter(self._refused, jobs):
                raise ParentAborted(f"{new.parent} was aborted with its children")
            self.dependencies.must_be_there(jobs)
            self._must_fit(jobs, quotas or {})
            self.rows.update({new.id: new_row(new, self.now()) for new in jobs})
            self.dependencies.store(jobs)
            for new in jobs:
                self.pauses.park(self.rows[new.id])
            self.audit.store(audit)
            stored = [self.rows[new.id].job for new in jobs]
            node = self._nodes.get(claimer or "")
            rows = [self.rows[new.id] for new in jobs if self.rows[new.id].waits] if node else []
            claims = tuple(
                claim_of(row, node, row.job.created_at)
                for row in rows
                if node and self.pauses.may_begin(row, node.name)
            )
            queued = {uid: self._use(uid).queued for uid in quotas or {}}
            return Inserted(stored, created=True, claims=claims, queued=queued)
        if len(earlier) < len(jobs):
            raise Conflict("this idempotency key came with a request of other jobs before")
        created = [row.job.id for row in earlier] == [new.id for new in jobs]
        return Inserted([row.job for row in earlier], created=created)

    def _must_fit(self, jobs: Sequence[NewJob], quotas: Mapping[str, Quota]) -> None:
        use = {uid: self._use(uid) for uid in quotas}
        new = Counter(job.uid for job in jobs)
        for job in jobs:
            old = self._holder(job)
            if old is not None and old.job.replaced_by is None:
                new[job.uid] -= old.job.status is Status.QUEUED
        if any(use[uid].queued + new[uid] > (each.queued_max or 0) for uid, each in quotas.items()):
            raise queue_excess(jobs, quotas, use)

    async def stored(self, jobs: Sequence[NewJob]) -> Inserted | None:
        self._answer()
        if self._not_stored_then(jobs) or not any(map(self._stored, jobs)):
            return None
        return await self._insert(jobs, None, None, ())

    def _not_stored_then(self, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """Those of a call that came before which are not stored: others had their unique keys."""
        rest = [new for new in jobs if self._stored(new) is None]
        shared = all(new.unique is not None and new.unique.shared for new in rest)
        return rest if shared and len(rest) < len(jobs) else ()

    async def usage(self, uids: Collection[str], *, count_max: int) -> Mapping[str, Use]:
        self._answer()
        found = {uid: self._use(uid) for uid in uids}
        return {
            uid: Use(min(each.queued, count_max), min(each.running, count_max))
            for uid, each in found.items()
        }

    def _use(self, uid: str) -> Use:
        queued, running = (
            len(self._jobs(uid, [status], None)) for status in (Status.QUEUED, Status.RUNNING)
        )
        return Use(queued, running)

    def _stored(self, new: NewJob) -> Row | None:
        """The row with the id or the key of a job."""
        row = self.rows.get(new.id)
        if row is None and new.idempotency_key is not None:
            wanted = (new.uid, new.idempotency_key)
            row = next(
                (each for each in self.rows.values() if (each.job.uid, each.key) == wanted), None
            )
        if row is not None and row.fingerprint != new.fingerprint:
            raise Conflict("this idempotency key came with another request before")
        return row

    def _refused(self, new: NewJob) -> bool:
        parent = self.rows.get(new.parent or "")
        return parent is not None and parent.job.uid == new.uid and parent.refuses_children

    async def get(self, job_id: str, *, uid: str | None = None) -> Job | None:
        self._answer()
        row = self.rows.get(job_id)
        return None if row is None or uid not in {None, row.job.uid} else row.job

    async def abort_of(self, job_id: str) -> Abort | None:
        self._answer()
        row = self.rows.get(job_id)
        return None if row is None else row.job.abort

    async def final(self, job_ids: Collection[str]) -> Collection[str]:
        self._answer()
        there = {job_id: self.rows[job_id].job for job_id in job_ids if job_id in self.rows}
        return {each for each in job_ids if each not in there or there[each].status in FINAL}

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        self._answer()
        rows = (self.rows[job_id] for job_id in job_ids if job_id in self.rows)
        return [replace(row.job, data=JsonText("null"), result=None) for row in rows]

    async def page(
        self,
        uid: str | None,
        *,
        statuses: Collection[Status] = (),
        task: str | None = None,
        parent: str | None = None,
        group: str | None = None,
        before_id: str | None = None,
        limit: int,
        bytes_max: int,
    ) -> Sequence[Job]:
        self._answer()
        found: list[Job] = []
        size = 0
        for job in self._jobs(uid, statuses or Status, task)[::-1]:
            if before_id is not None and job.id >= before_id:
                continue
            if parent not in (None, job.parent) or group not in (None, job.group):
                continue
            if len(found) == limit or size > bytes_max:
                break
            found.append(job)
            size += size_of(job)
        return found

    def _jobs(self, uid: str | None, statuses: Iterable[Status], task: str | None) -> list[Job]:
        """The jobs that match, oldest first."""
        wanted = set(statuses)
        jobs = (self.rows[job_id].job for job_id in sorted(self.rows))
        return [
            job
            for job in jobs
            if uid in (None, job.uid) and job.status in wanted and task in (None, job.task)
        ]

    async def claim(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        self._answer()
        node = self._nodes.get(node_id)
        if node is None:
            return []
        free = (self.rows[job_id] for job_id in dict.fromkeys(job_ids) if job_id in self.rows)
        now = self.now()
        free = (row for row in free if self.pauses.may_begin(row, node.name))
        place = Place(node.labels, node.only)
        free = (row for row in free if place.takes(row.job.needs))
        free = (row for row in free if row.cleaning or row.job.task not in but_tasks)
        return [claim_of(row, node, at, now) for row in free if row.waits and not row.expired(now)]

    async def claim_within(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        quotas: Quotas,
        but_tasks: Collection[str] = (),
    ) -> ClaimedWithin:
        claims: list[Claim] = []
        beyond: list[WaitingJob] = []
        rows = (self.rows[job_id] for job_id in dict.fromkeys(job_ids) if job_id in self.rows)
        for row in sorted(rows, key=lambda row: _turn(waiting_job(row.job))):
            most, uid = quotas.running_max_of(row.job.uid), row.job.uid
            is_run = row.job.status is Status.QUEUED and row.waits and not row.expired(self.now())
            is_limited = is_run and most is not None
            job, found = waiting_job(row.job), list[Claim]()
            if most is None or not is_run or self._use(uid).running < most:
                found = list(
                    await self.claim([job.id], node_id=node_id, at=at, but_tasks=but_tasks)
                )
            claims += found
            if is_limited and not found:
                beyond.append(job)
        return ClaimedWithin(claims, beyond)

    async def claims_of(self, node_id: str, *, but: Collection[str]) -> Sequence[Claim]:
        self._answer()
        held = (row for row in self.rows.values() if row.job.owner == node_id)
        return [claim_as_it_is(row, self.now()) for row in held if row.job.id not in but]

    async def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Status]:
        self._answer()
        settled = {end.id: self.rows[end.id].job.status for end in settlements if self._settle(end)}
        self._note_ends()
        return settled

    def _settle(self, end: Settlement) -> bool:
        row = self._held(end.id, end.token)
        if row is None:
            return False
        row.change(progress=end.progress or row.job.progress, result=end.result, error=end.error)
        unwanted = end.status is Status.QUEUED and row.job.abort is not None
        if unwanted or end.status is Status.ABORTED:
            row.finish_abort(at=end.at, death=end.death or NOTHING_RAN)
            row.unknown_since = None
        elif end.status is Status.QUEUED:
            self._queue_again(row, end)
        else:
            row.change(status=end.status, owner=None, finished_at=end.at)
        return True

    def _queue_again(self, row: Row, end: Settlement) -> None:
        if end.again is not None:
            row.remember(end.again, at=end.at, now=self.now())
        row.requeue(begun=end.death != NOTHING_RAN)
        if end.unknown_s is None:
            row.unknown_since = None
        else:
            row.hold_unknown(end.unknown_s, self.now(), known=end.known)
        if end.retried and row.job.hook is not None and row.job.hook_retries:
            call = call_of_retry(row.job, self.now(), ended_at=end.at)
            self.hook_calls[call.id] = call

    def _held(self, job_id: str, token: int) -> Row | None:
        """The row of a running job, if the token holds."""
        row = self.rows.get(job_id)
        holds = row is not None and row.job.token == token and row.job.status is Status.RUNNING
        return row if holds else None

    async def settle_cleanup(
        self,
        job_id: str,
        *,
        token: int,
        cleanup: Cleanup,
        tries: CleanupTries | None = None,
        unknown: bool = False,
    ) -> bool:
        self._answer()
        row = self.rows.get(job_id)
        if row is None or row.job.token != token or not row.cleaning or row.job.owner is None:
            return False
        row.set_cleanup(cleanup, tries)
        row.unknown_since = (row.unknown_since or self.now()) if unknown else None
        self._note_ends()
        return True

    async def resume_cleanups(
        self, *, limit: int, at: datetime | None = None
    ) -> Sequence[WaitingJob]:
        self._answer()
        at = at or self.now()
        due = [
            (row.next_try_at, job_id)
            for job_id, row in self.rows.items()
            if row.next_try_at is not None and row.next_try_at <= at
        ]
        ids = [job_id for _, job_id in sorted(due)[:limit]]
        for job_id in ids:
            self.rows[job_id].resume_cleanup()
        return [waiting_job(self.rows[job_id].job) for job_id in ids]

    async def report(self, progress: Mapping[tuple[str, int], Progress]) -> None:
        self._answer()
        for (job_id, token), each in progress.items():
            if row := self._held(job_id, token):
                row.change(progress=each)

    async def write_log(self, written: Collection[Written]) -> None:
        self._answer()
        for job_id, token, page in written:
            row = self.rows.get(job_id)
            if row is not None and row.job.token == token:
                there = row.log.get(page.slot, page)
                row.log[page.slot] = max(page, there, key=lambda each: (each.number, each.size))

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
        self._answer()
        row = self.rows.get(job_id)
        pages = [] if row is None else row.log.values()
        return sorted((page for page in pages if page.end > after), key=lambda page: page.number)

    async def note_survivors(self, job_id: str, *, token: int, death: Death) -> None:
        self._answer()
        row = self._held(job_id, token)
        if row is not None and row.job.abort is not None:
            row.change(abort=replace(row.job.abort, death=death))

    async def request_abort(
        self,
        job_id: str,
        *,
        uid: str,
        by: str | None = None,
        reason: str | None,
        grace_s: float | None,
        at: datetime,
        audit: Sequence[AuditRecord] = (),
    ) -> Job | None:
        self._answer()
        row = self.rows.get(job_id)
        if row is None or row.job.uid != uid:
            return None
        if row.unaborted(grace_s):
            self.audit.store(audit)
        if row.job.status not in FINAL and row.job.abort is None:
            row.change(abort=Abort(requested_at=at, by=by, reason=reason, grace_s=grace_s))
            if row.job.status is Status.QUEUED:
                row.finish_abort(at=at, death=NOTHING_RAN)
        elif row.job.status is Status.RUNNING and grace_s is not None and row.job.abort is not None:
            before = row.job.abort.grace_s
            shortest = grace_s if before is None else min(before, grace_s)
            row.change(abort=replace(row.job.abort, grace_s=shortest))
        self._note_ends()
        return row.job

    async def refuse_children(self, job_id: str, *, uid: str, limit: int) -> int:
        self._answer()
        accepting = [row for row in self._below(job_id, uid) if not row.refuses_children]
        for row in accepting[:limit]:
            row.refuses_children = True
        return len(accepting[:limit])

    async def unaborted(
        self, job_id: str, *, uid: str, grace_s: float | None, limit: int
    ) -> Collection[str]:
        self._answer()
        found = [row.job.id for row in self._below(job_id, uid) if row.unaborted(grace_s)]
        return found[:limit]

    def _below(self, job_id: str, uid: str) -> list[Row]:
        """The rows of a user's job and of all that is below it."""
        rows = [row for row in self.rows.values() if row.job.uid == uid]
        below = {row.job.id for row in rows if row.job.id == job_id}
        while more := {row.job.id for row in rows if row.job.parent in below} - below:
            below |= more
        return [row for row in rows if row.job.id in below]

    async def parents_in_wait(self, node_id: str) -> Collection[str]:
        self._answer()
        jobs = [row.job for row in self.rows.values()]
        waited_for = {
            (job.parent, job.uid)
            for job in jobs
            if job.status is Status.QUEUED and job.hold is None
        }
        return {
            job.id
            for job in jobs
            if job.owner == node_id
            and job.status is Status.RUNNING
            and (job.id, job.uid) in waited_for
        }

    async def unfinished(
        self,
        uid: str,
        *,
        statuses: Collection[Status] = (),
        task: str | None = None,
        group: str | None = None,
        schedule: str | None = None,
        last_id: str | None = None,
        limit: int,
    ) -> Sequence[str]:
        self._answer()
        wanted = set(statuses or Status) - FINAL
        jobs = [job for job in self._jobs(uid, wanted, task) if group in (None, job.group)]
        jobs = [job for job in jobs if schedule in (None, job.schedule)]
        ids = [job.id for job in jobs if job.abort is None]
        return [each for each in ids if last_id is None or each <= last_id][:limit]

    async def unfinished_by_user(
        self, *, statuses: Collection[Status], task: str | None = None, limit: int
    ) -> Mapping[str, int]:
        self._answer()
        found = Counter[str]()
        for status in set(statuses) - FINAL:
            jobs = [job for job in self._jobs(None, [status], task) if job.abort is None]
            found.update(job.uid for job in jobs[:limit])
        return found

    async def counts(self, *, count_max: int) -> JobCounts:
        self._answer()
        queued = self._jobs(None, [Status.QUEUED], None)
        held = Counter(job.hold.reason for job in queued if job.hold is not None)
        waiting = [job.eligible_at for job in queued if job.hold is None]
        since = sorted(at for at in waiting if at is not None)
        return JobCounts(
            queued=min(len(since), count_max),
            running=len(self._jobs(None, [Status.RUNNING], None)),
            oldest_queued_s=(self.now() - since[0]).total_seconds() if since else None,
            held={reason: min(jobs, count_max) for reason, jobs in held.items()},
        )

    async def finished_per_step(self, *, since: datetime, limit: int) -> Sequence[FinishedCount]:
        self._answer()
        found = Counter(
            (at - timedelta(seconds=at.timestamp() % STEP.total_seconds()), job.status)
            for at, job in self._ended(since)[:limit]
        )
        ordered = sorted(found.items(), key=lambda each: (-each[0][0].timestamp(), each[0][1]))
        return [FinishedCount(at, status, jobs) for (at, status), jobs in ordered]

    async def durations(self, *, since: datetime, limit: int) -> Sequence[JobDurations]:
        self._answer()
        return [
            JobDurations(
                max(0, (job.started_at - _waits_since(job)).total_seconds()),
                max(0, (at - job.started_at).total_seconds()),
            )
            for at, job in self._ended(since)[:limit]
            if job.started_at is not None
        ]

    def _ended(self, since: datetime) -> list[tuple[datetime, Job]]:
        """The jobs that became final since then, each with the time, newest first."""
        ends = [(row.job.finished_at, row.job) for row in self.rows.values()]
        found = [(at, job) for at, job in ends if at is not None and at >= since]
        return sorted(found, key=lambda each: each[0], reverse=True)

    async def add_call(
        self, claim: Claim, call_id: str, payload: JsonText, *, at: datetime | None = None
    ) -> None:
        self._answer()
        at = at or self.now()
        row = self.rows.get(claim.id)
        owned = row is not None and row.job.token == claim.token and row.job.owner is not None
        if owned and claim.hook is not None:
            self.hook_calls.setdefault(call_id, _notification(claim.id, at, call_id, payload))

    async def take_calls(
        self,
        *,
        limit: int,
        taken_s: float,
        at: datetime | None = None,
        but: Collection[str] = (),
        but_users: Collection[str] = (),
    ) -> Sequence[HookCall]:
        self._answer()
        at = at or self.now()
        self._call_for_ends()
        due = [
            (call.due_at, call.id)
            for call in self.hook_calls.values()
            if call.due_at is not None and call.due_at <= at
            if receiver(self.rows[call.job_id].job.hook or "") not in but
            if self.rows[call.job_id].job.uid not in but_users
        ]
        taken = [self.hook_calls[call_id] for _, call_id in sorted(due)[:limit]]
        for call in taken:
            again_at = at + timedelta(seconds=taken_s)
            self.hook_calls[call.id] = replace(call, tries=call.tries + 1, due_at=again_at)
        return [self.hook_calls[call.id] for call in taken]

    def _call_for_ends(self) -> None:
        """As the databases do with a trigger: each end of a job with a hook adds a call."""
        for job in (row.job for row in self.rows.values()):
            if job.hook is not None and job.finished_at is not None:
                called = call_of(job.id, self.now(), ended_at=job.finished_at)
                self.hook_calls.setdefault(job.id, called)

    async def put_back_call(self, call: HookCall, *, due_at: datetime) -> bool:
        self._answer()
        stored = self.hook_calls.get(call.id)
        if stored is None or stored.tries != call.tries or stored.status is not CallStatus.DUE:
            return False
        self.hook_calls[call.id] = replace(stored, tries=stored.tries - 1, due_at=due_at)
        return True

    async def settle_call(self, call: HookCall, verdict: Verdict, *, answer: str) -> bool:
        self._answer()
        stored = self.hook_calls.get(call.id)
        if stored is None or stored.tries != call.tries or stored.status is not CallStatus.DUE:
            return False
        changes = {"status": verdict.status, "due_at": verdict.due_at, "answer": answer}
        self.hook_calls[call.id] = replace(stored, **changes)  # type: ignore[arg-type]
        return True

    async def calls(self, job_id: str, *, limit: int) -> Sequence[HookCall]:
        self._answer()
        self._call_for_ends()
        found = (call for call in self.hook_calls.values() if call.job_id == job_id)
        return sorted(found, key=lambda call: (call.created_at, call.id))[:limit]

    async def register(self, node: Node) -> None:
        self._answer()
        self._nodes.setdefault(node.id, node)

    async def renew(self, node_id: str, *, running: int) -> bool:
        self._answer()
        node = self._nodes.get(node_id)
        if node is None:
            return False
        self._nodes[node_id] = replace(node, running=running, beat=node.beat + 1)
        return True

    async def set_tasks(self, node_id: str, tasks: Sequence[str]) -> bool:
        self._answer()
        node = self._nodes.get(node_id)
        if node is None:
            return False
        self._nodes[node_id] = replace(node, tasks=tuple(tasks))
        return True

    async def aborts_requested(self, node_id: str) -> Collection[str]:
        self._answer()
        jobs = (row.job for row in self.rows.values())
        return {
            job.id
            for job in jobs
            if job.owner == node_id and job.status is Status.RUNNING and job.abort is not None
        }

    async def nodes(self) -> Sequence[Node]:
        self._answer()
        return sorted(self._nodes.values(), key=lambda node: (node.name, node.id))

    async def bury(self, node_id: str, *, beat: int | None = None) -> bool:
        self._answer()
        node = self._nodes.get(node_id)
        if node is None or beat not in (None, node.beat):
            return False
        del self._nodes[node_id]
        return True

    async def release_orphans(self, *, losses_max: int, at: datetime) -> Released:
        self._answer()
        orphans = [
            row
            for row in self.rows.values()
            if row.job.owner is not None and row.job.owner not in self._nodes
        ]
        ended = [row.job.id for row in orphans if release(row, losses_max=losses_max, at=at)]
        self._note_ends()
        return Released(
            sorted(
                waiting_cleanup(row.job.id, lane_of(row.job.needs))
                if row.job.cleanup_waits
                else waiting_job(row.job)
                for row in orphans
                if row.waits
            ),
            sorted(ended),
            tuple(sorted(row.job.id for row in orphans if row.left_undone)),
        )

    async def lanes(self, *, after: str = ANYWHERE, limit: int = LANES_SEEN_MAX) -> Sequence[str]:
        self._answer()
        return sorted({job.lane for job in self._waiting() if job.lane > after})[:limit]

    async def queued_needs(self, needs: Collection[str], *, limit: int) -> Collection[str]:
        self._answer()
        found = {lane_of(job.needs) for job in self._jobs(None, [Status.QUEUED], None)} - {ANYWHERE}
        return {*sorted(found)[:limit], *found.intersection(needs)}

    async def lane_counts(self, lanes: Collection[str], *, count_max: int) -> Mapping[str, int]:
        self._answer()
        queued = [job for job in self._jobs(None, [Status.QUEUED], None) if job.hold is None]
        found = Counter(lane_of(job.needs) for job in queued)
        return {lane: min(found[lane], count_max) for lane in lanes}

    async def lines(
        self, *, lane: str = ANYWHERE, after_uid: str = "", limit: int
    ) -> Sequence[Line]:
        self._answer()
        jobs = (row.job for row in self.rows.values())
        running = Counter(job.uid for job in jobs if job.status is Status.RUNNING)
        waiting = [job for job in self._waiting() if job.lane == lane and job.uid > after_uid]
        heads = {job.uid: job for job in reversed(waiting)}
        return [
            Line(job, running[job.uid], self.rows[job.id].cleaning)
            for job in sorted(heads.values(), key=lambda job: job.uid)[:limit]
        ]

    async def waiting_of(
        self, uid: str, *, lane: str = ANYWHERE, limit: int
    ) -> Sequence[WaitingJob]:
        self._answer()
        return [job for job in self._waiting() if (job.uid, job.lane) == (uid, lane)][:limit]

    async def pages_of_waiting(self, *, page: int) -> AsyncIterator[Sequence[WaitingJob]]:
        self._answer()
        for lane in sorted({ANYWHERE, *(job.lane for job in self._waiting())}):
            last = ("", 0, "")
            while jobs := self._after(last, lane)[:page]:
                yield jobs
                last = _turn(jobs[-1])

    def _after(self, last: tuple[str, int, str], lane: str) -> list[WaitingJob]:
        return [job for job in self._waiting() if job.lane == lane and _turn(job) > last]

    def _waiting(self) -> list[WaitingJob]:
        found = (waiting_job(row.job) for row in self.rows.values() if row.waits)
        return sorted(found, key=_turn)

    async def promote(self, *, limit: int) -> Sequence[WaitingJob]:
        self._answer()
        now = self.now()
        due = [
            (row.job.hold.until, job_id)
            for job_id, row in self.rows.items()
            if row.job.hold is not None
            and row.job.hold.reason != HoldReason.THROTTLE
            and row.job.hold.until is not None
            and row.job.hold.until <= now
        ]
        for until, job_id in (first := sorted(due)[:limit]):
            self.rows[job_id].promote(since=until)
        jobs = [self.rows[job_id].job for _, job_id in first]
        return [waiting_job(job) for job in jobs]

    async def expire(self, *, limit: int) -> Sequence[str]:
        self._answer()
        now = self.now()
        late = [job_id for job_id, row in self.rows.items() if row.expired(now)][:limit]
        for job_id in late:
            self.rows[job_id].change(
                status=Status.TERMINATED, error=expired_failure(), finished_at=now, hold=None
            )
        self._note_ends()
        return late

    async def next_due_s(self) -> float | None:
        self._answer()
        now = self.now()
        due = {
            row.job.hold.until
            for row in self.rows.values()
            if row.job.hold is not None and row.job.hold.reason != HoldReason.THROTTLE
        }
        due |= {row.expires_at for row in self.rows.values()}
        due |= set(self.pauses.next_end())
        due |= {now} if self.dependencies.due_now else set()
        due |= {now for row in self.rows.values() if self._is_free(row)}
        times = [at for at in due if at is not None]
        return (min(times) - now).total_seconds() if times else None

    async def reorder(
        self,
        job_id: str,
        *,
        uid: str,
        priority: int | None = None,
        retiming: Retiming | None = None,
    ) -> Reordered | None:
        self._answer()
        row = self.rows.get(job_id)
        if row is None or row.job.uid != uid:
            return None
        before = row.job
        if before.status is Status.QUEUED:
            row.reorder(priority=priority, retiming=retiming, now=self.now())
        return Reordered(row.job, changed=row.job != before)

    async def rerunnable(self, which: RerunFilter, *, limit: int) -> Sequence[Rerunnable]:
        self._answer()
        run_again = {row.job.rerun_of for row in self.rows.values()}
        jobs = [row.job for _, row in sorted(self.rows.items()) if row.fits(which)]
        found = [job for job in jobs if job.id not in run_again]
        return [Rerunnable(job.id, job.uid, size_of(job)) for job in found[:limit]]

    async def whole(self, job_ids: Collection[str]) -> Sequence[Job]:
        self._answer()
        return [self.rows[job_id].job for job_id in sorted(job_ids) if job_id in self.rows]

    async def reruns_of_request(self, request: str) -> Sequence[tuple[Reran, str | None]]:
        self._answer()
        made = [row for row in self.rows.values() if row.rerun_request == request]
        found = [
            (Reran(row.job.rerun_of or "", row.job.uid, row.job.id), row.fingerprint)
            for row in made
        ]
        return sorted(found)

    async def ahead(self, job_id: str, *, uid: str, count_max: int) -> int | None:
        self._answer()
        waiting = [
            row
            for row in self.rows.values()
            if row.job.uid == uid and row.job.status is Status.QUEUED and row.job.hold is None
        ]
        if job_id not in {row.job.id for row in waiting}:
            return None
        needed = self.rows[job_id].job.needs
        alike = [row.job for row in waiting if row.job.needs == needed]
        found = {job.id: (job.turn_at, job.id) for job in alike}
        return min(count_max, sum(turn < found[job_id] for turn in found.values()))

    async def reruns(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        self._answer()
        jobs = (row.job for row in self.rows.values())
        found = [job.id for job in jobs if job.rerun_of == job_id and job.uid == uid]
        return sorted(found, reverse=True)[:limit]

    async def time_of_day(self) -> datetime:
        self._answer()
        return self.now()

    async def delete_finished(
        self, *, before: datetime, limit: int, bytes_max: int | None = None
    ) -> int:
        self._answer()
        self._call_for_ends()
        due = {call.job_id for call in self.hook_calls.values() if call.due_at is not None}
        final = [
            (row.job.finished_at, job_id)
            for job_id, row in self.rows.items()
            if row.job.finished_at is not None and not row.cleaning and job_id not in due
            if not self.dependencies.keeps(job_id)
        ]
        size, old = 0, list[str]()
        for finished_at, job_id in sorted(final):
            if (
                finished_at < before
                and len(old) < limit
                and (bytes_max is None or size <= bytes_max)
            ):
                row = self.rows.pop(job_id)
                self.dependencies.forget(job_id)
                size += size_of(row.job) + sum(page.size for page in row.log.values())
                old.append(job_id)
        self.hook_calls = {
            call_id: call for call_id, call in self.hook_calls.items() if call.job_id in self.rows
        }
        return len(old)


def _notification(job_id: str, at: datetime, call_id: str, payload: JsonText) -> HookCall:
    return call_of(job_id, at, id_=call_id, event=Event.NOTIFIED, payload=payload)


def _waits_since(job: Job) -> datetime:
    """Since when it might have run: its submission, but for a time that its user chose."""
    return job.created_at if job.run_at is None else job.eligible_at or job.created_at


def _found(jobs: Sequence[NewJob], holders: Mapping[str, Row]) -> Iterator[tuple[str, Job]]:
    """The jobs that are there already, each by the id of the one that is answered with it."""
    for new in jobs:
        if new.id in holders and new.unique is not None:
            job = holders[new.id].job
            if new.unique.on_conflict is OnConflict.REJECT:
                raise UniqueConflict(job)
            if new.unique.shared:
                yield new.id, job


def _joined(
    jobs: Sequence[NewJob],
    before: Mapping[NewJob, Job],
    rest: Sequence[NewJob],
    inserted: Inserted,
) -> Inserted:
    """The answer to a repetition of which some jobs were not stored."""
    all_ = {**before, **dict(zip(rest, inserted.jobs, strict=True))}
    there = {job.id for job in before.values()} if inserted.created else set()
    return inserted._replace(jobs=[all_[new] for new in jobs], found=there | set(inserted.found))


def _key(job: Job | NewJob) -> tuple[str, str, str]:
    """User, task and unique key."""
    return job.uid, job.task, "" if job.unique is None else job.unique.key


def _turn(job: WaitingJob) -> tuple[str, int, str]:
    """By users; within one, the job that is next comes first."""
    return job.uid, job.turn_ms, job.id
