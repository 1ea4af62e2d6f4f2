"""The `Store` port in SQL. `scheduler/core/ports/store.py` says what each call promises.

Each write is one guarded statement; the rows that it returns say what took effect.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from scheduler.core.access.audit import AuditRecord
from scheduler.core.errors import QuotaExceeded, StoreUnavailable
from scheduler.core.job import (
    FINAL,
    Abort,
    Claim,
    Cleanup,
    CleanupTries,
    Death,
    Job,
    JsonText,
    LetGo,
    Line,
    NewJob,
    Node,
    Progress,
    Settlement,
    Status,
    WaitingJob,
)
from scheduler.core.job_log import LogPage, Written
from scheduler.core.places.labels import ANYWHERE, LANES_SEEN_MAX
from scheduler.core.policy import expired_failure, lost_failure
from scheduler.core.ports.store import ClaimedWithin, Inserted, Released, Reordered, Retiming
from scheduler.core.quotas.quota import Quota, Quotas, Use, queue_excess
from scheduler.core.rerun import Reran, RerunFilter, Rerunnable
from scheduler.core.statistics import STEP, FinishedCount, JobCounts, JobDurations
from scheduler.core.webhook import HookCall, Verdict
from scheduler.store import arguments, rows
from scheduler.store.database import Database, Row, Step
from scheduler.store.idempotency import (
    must_be_accepted,
    must_be_there,
    must_differ,
    not_stored_then,
    stored_before,
)
from scheduler.store.parts import unique
from scheduler.store.parts.dependencies import SqlDependencies
from scheduler.store.parts.limiters import SqlLimiters
from scheduler.store.parts.pauses import SqlPauses
from scheduler.store.parts.schedules import SqlSchedules
from scheduler.store.parts.tokens import SqlTokens
from scheduler.store.parts.unique import TRIES, SqlUnique
from scheduler.store.sql_audit import SqlAudit, audited_by, fetch_audited

BEFORE_ALL_TURNS: Final = -(2**62)
AFTER_ALL_IDS: Final = "~"
"""Ids are lower-case hexadecimal digits and dashes: this sorts after all of them."""

BEYOND_ALL_LIMITS: Final = 10**9
"""More than any limit of running jobs: with so many before it, no job that has one is claimed."""
BEFORE_ALL_IDS: Final = ""
LOOKED_AT_MAX: Final = 1000
"""How many jobs one statement looks at for those that can be run again."""

DUE: Final = ("due_ms", "expires_ms", "resumed_ms", "ended_ms", "replaced_ms")
"""The columns of `next_due.sql`."""

BEYOND_MAX: Final = 1000
"""How far beyond its quota a user's queued jobs are counted, to say how many there are."""


class SqlStore:
    """The store, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self.identity = database.identity
        self.tokens = SqlTokens(database)
        self.audit = SqlAudit(database)
        self.pauses = SqlPauses(database)
        self.limiters = SqlLimiters(database)
        self.dependencies = SqlDependencies(database)
        self.due = asyncio.Event()
        self.schedules = SqlSchedules(database)
        self._unique = SqlUnique(database)
        self._fetch = database.fetch
        self._fetch_chain = database.fetch_chain
        self._fetch_audited = partial(fetch_audited, database)

    async def insert(
        self,
        jobs: Sequence[NewJob],
        *,
        claimer: str | None = None,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
        replacing: Mapping[str, AuditRecord] | None = None,
    ) -> Inserted:
        """See `Store`."""
        if any(new.unique is not None for new in jobs):
            return await self._insert_unique(jobs, quotas or {}, audit, replacing or {})
        try:
            inserted = await self.store_new([(new, claimer) for new in jobs], quotas or {}, audit)
        except QuotaExceeded:
            # Whoever repeats a call gets its first answer, however much has come since.
            if (earlier := await self.stored(jobs)) is not None:
                return earlier
            raise
        if inserted is not None:
            return inserted
        if (earlier := await self.stored(jobs)) is not None:
            return earlier
        await self._must_be_storable(jobs)
        return stored_before(jobs, [])

    async def _insert_unique(
        self,
        jobs: Sequence[NewJob],
        quotas: Mapping[str, Quota],
        audit: Sequence[AuditRecord],
        replacing: Mapping[str, AuditRecord],
    ) -> Inserted:
        """Insert jobs of which some have unique keys, or answer with those that have them."""
        must_differ(jobs)
        for _ in range(TRIES):
            batch = arguments.batch(map(arguments.new_job, jobs))
            if earlier := await self._fetch("stored", batch):
                if rest := not_stored_then(jobs, earlier):
                    return await self._insert_rest(jobs, rest, quotas, audit, replacing)
                return stored_before(jobs, earlier)
            found = await self._unique.found(jobs)
            new = [each for each in jobs if each.id not in found]
            if not new:
                answer = [found[each.id] for each in jobs]
                return Inserted(answer, created=False, found={job.id for job in answer})
            try:
                stored = await self._store_unique(new, quotas, audit, replacing)
            except QuotaExceeded:
                # As above: by now there may be what this is answered with.
                if await self.stored(jobs) or len(await self._unique.found(jobs)) > len(found):
                    continue
                raise
            if stored is not None:
                by_id = {**{job.id: job for job in stored.jobs}, **found}
                return stored._replace(
                    jobs=[by_id[each.id] for each in jobs],
                    found={job.id for job in found.values()},
                )
            await self._must_be_storable(new)
        raise StoreUnavailable("others submit and end jobs with this unique key; try again")

    async def _insert_rest(
        self,
        jobs: Sequence[NewJob],
        rest: Sequence[NewJob],
        quotas: Mapping[str, Quota],
        audit: Sequence[AuditRecord],
        replacing: Mapping[str, AuditRecord],
    ) -> Inserted:
        """Repeat a call of which these jobs were not stored: they may be by now."""
        left = {each.id for each in rest}
        before = [each for each in jobs if each.id not in left]
        earlier = await self.insert(before)
        inserted = await self._insert_unique(rest, quotas, audit, replacing)
        stored = dict(zip((each.id for each in before), earlier.jobs, strict=True))
        added = dict(zip((each.id for each in rest), inserted.jobs, strict=True))
        there = {job.id for job in earlier.jobs} if inserted.created else set()
        return inserted._replace(
            jobs=[(stored | added)[each.id] for each in jobs],
            found=there | set(inserted.found),
        )

    async def _store_unique(
        self,
        jobs: Sequence[NewJob],
        quotas: Mapping[str, Quota],
        audit: Sequence[AuditRecord],
        replacing: Mapping[str, AuditRecord],
    ) -> Inserted | None:
        """Store new jobs; None, and no effect, where others have their keys, or one is stored."""
        if all(each.unique is None for each in jobs):
            return await self.store_new([(each, None) for each in jobs], quotas, audit)
        batch = arguments.batch(map(arguments.new_job, jobs))
        inserting = [*_inserting(jobs, batch), *audited_by(audit)]
        first = jobs[0]
        after = unique.after(jobs, at=first.created_at, by=first.submitted_by, replacing=replacing)
        queued, answers = await self._chain_within(
            jobs, [*unique.before(jobs), *inserting, *after], quotas
        )
        if "mark_unique" not in answers:
            return None
        self._note_awaited(answers["replace_unique"])
        stored, replaced = unique.marked(jobs, answers)
        added = Counter(each.uid for each in jobs)
        return Inserted(
            [rows.stored(new, row) for new, row in zip(jobs, stored, strict=True)],
            created=True,
            queued={uid: before + added[uid] for uid, before in queued.items()},
            replaced=replaced,
        )

    async def _must_be_storable(self, jobs: Sequence[NewJob]) -> None:
        """Refuse children of parents that refuse them, and what waits for jobs that are not there.

        Raises:
            ParentAborted: there is such a parent.
            NoSuchPredecessors: there are no such jobs of its user.
        """
        batch = arguments.batch(map(arguments.new_job, jobs))
        must_be_accepted(await self._fetch("refusing", batch))
        if (named := arguments.predecessors(jobs)) is not None:
            must_be_there(jobs, await self._fetch("predecessors_there", named))

    async def stored(self, jobs: Sequence[NewJob]) -> Inserted | None:
        """See `Store`."""
        found = await self._fetch("stored", arguments.batch(map(arguments.new_job, jobs)))
        return stored_before(jobs, found) if found and not not_stored_then(jobs, found) else None

    async def store_new(
        self,
        jobs: Sequence[tuple[NewJob, str | None]],
        quotas: Mapping[str, Quota],
        audit: Sequence[AuditRecord] = (),
    ) -> Inserted | None:
        """Store jobs that are all new; None, and no effect, where one is stored already or refused.

        Args:
            jobs: each with the id of the node that is to own it, if any.
            quotas: by uid, those that limit how many jobs are queued.
            audit: what to store with them.

        Raises:
            Conflict: two of them have the same idempotency key.
            QuotaExceeded: a user would have too many queued jobs.
        """
        new = [each for each, _ in jobs]
        must_differ(new)
        batch = arguments.batch(arguments.new_job(each, claimer) for each, claimer in jobs)
        inserting = [*_inserting(new, batch), *audited_by(audit)]
        queued, answers = await self._chain_within(new, inserting, quotas)
        if not (stored := answers.get("insert")):
            return None
        found = {row["id"]: row for row in stored}
        stored_jobs = [(each, each.stored(**rows.times(found[each.id]))) for each in new]
        claims = tuple(
            each.claimed(job.eligible_at)
            for each, job in stored_jobs
            if found[each.id]["owner"] is not None
        )
        claimed = {claim.id for claim in claims}
        added = Counter(each.uid for each in new if each.id not in claimed)
        return Inserted(
            [job for _, job in stored_jobs],
            created=True,
            claims=claims,
            queued={uid: before + added[uid] for uid, before in queued.items()},
        )

    async def _chain_within(
        self, jobs: Sequence[NewJob], inserting: Sequence[Step], quotas: Mapping[str, Quota]
    ) -> tuple[Mapping[str, int], Mapping[str, Sequence[Row]]]:
        """Insert these jobs by a chain of statements, as far as quotas allow it.

        Returns:
            How many queued jobs the users with quotas had before, and the rows of each statement to
            which it came, by its name.

        Raises:
            QuotaExceeded: a user would have too many queued jobs.
        """
        if not quotas:
            return {}, _by_name(inserting, await self._fetch_chain(inserting))
        limits = arguments.quotas(jobs, quotas)
        count_max = max(each.queued_max or 0 for each in quotas.values())
        _, users, *answers = await self._fetch_chain(
            [
                Step("lock_users", (limits,)),
                unique.within(limits, count_max, jobs),
                *inserting,
            ]
        )
        if not answers:
            uids = {each.uid for each in jobs} & set(quotas)
            use = await self.usage(uids, count_max=count_max + BEYOND_MAX)
            raise queue_excess(jobs, quotas, use)
        return {row["uid"]: row["queued"] for row in users}, _by_name(inserting, answers)

    async def usage(self, uids: Collection[str], *, count_max: int) -> Mapping[str, Use]:
        """See `Store`."""
        found = await self._fetch("usage", arguments.keys(uids), count_max)
        return {row["uid"]: Use(row["queued"], row["running"]) for row in found}

    async def get(self, job_id: str, *, uid: str | None = None) -> Job | None:
        """See `Store`."""
        found = await self._fetch("get", job_id, uid)
        return rows.job(found[0]) if found else None

    async def abort_of(self, job_id: str) -> Abort | None:
        """See `Store`."""
        found = await self._fetch("abort_of", job_id)
        return rows.abort(found[0]) if found else None

    async def final(self, job_ids: Collection[str]) -> Collection[str]:
        """See `Store`."""
        return _ids(await self._fetch("final", arguments.keys(job_ids)))

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        """See `Store`."""
        return [rows.job(row) for row in await self._fetch("outlines", arguments.keys(job_ids))]

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
        """See `Store`."""
        wanted = arguments.keys(statuses or Status)
        before = AFTER_ALL_IDS if before_id is None else before_id
        selection = (wanted, before, task, limit, bytes_max)
        match uid, parent:
            case str(), _ if group is not None:
                page = await self._fetch("page_of_group", uid, *selection, group, parent)
            case None, None:
                page = await self._fetch("page_of_all", *selection)
            case None, _:
                page = await self._fetch("page_of_children", *selection, parent)
            case _, None:
                page = await self._fetch("page", uid, *selection)
            case _:
                page = await self._fetch("page_of_parent", uid, *selection, parent)
        return [rows.job(row) for row in page]

    async def claim(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """See `Store`."""
        return await self.claim_unlimited(
            job_ids, node_id=node_id, at=at, running_max={}, but_tasks=but_tasks
        )

    async def claim_within(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        quotas: Quotas,
        but_tasks: Collection[str] = (),
    ) -> ClaimedWithin:
        """See `Store`. Those who have no limit do not wait for the locks of those who have one."""
        claims = await self.claim_unlimited(
            job_ids,
            node_id=node_id,
            at=at,
            running_max=quotas.running_max,
            but_tasks=but_tasks,
        )
        if not (left := set(job_ids).difference(claim.id for claim in claims)):
            return ClaimedWithin(claims)
        found = map(rows.waiting_job, await self._fetch("still_waiting", arguments.keys(left)))
        limits = {
            job: most for job in found if (most := quotas.running_max_of(job.uid)) is not None
        }
        if not limits:
            return ClaimedWithin(claims)
        within = await self.claim_limited(limits, node_id=node_id, at=at, but_tasks=but_tasks)
        claimed = {claim.id for claim in within}
        return ClaimedWithin([*claims, *within], [job for job in limits if job.id not in claimed])

    async def claim_unlimited(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        running_max: Mapping[str, int | None],
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Claim those of the jobs whose users have no limit by their pattern."""
        claimed = await self._fetch(
            "claim",
            arguments.places(dict.fromkeys(job_ids, BEYOND_ALL_LIMITS)),
            node_id,
            arguments.milliseconds(at),
            arguments.limits(running_max),
            arguments.keys(but_tasks),
        )
        return [rows.claim(row) for row in claimed]

    async def claim_limited(
        self,
        limits: Mapping[WaitingJob, int],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Claim as many of these jobs as their users may run.

        Args:
            limits: how many jobs of its user may run, for each job.
        """
        by_uid = arguments.limits({job.uid: most for job, most in limits.items()})
        before, now = arguments.places(arguments.before(limits)), arguments.milliseconds(at)
        tasks = arguments.keys(but_tasks)
        _, claimed = await self._fetch_chain(
            [Step("lock_users", (by_uid,)), Step("claim", (before, node_id, now, by_uid, tasks))]
        )
        return [rows.claim(row) for row in claimed]

    async def claims_of(self, node_id: str, *, but: Collection[str]) -> Sequence[Claim]:
        """See `Store`."""
        held = await self._fetch("claims_of", node_id, arguments.keys(but))
        return [rows.claim(row) for row in held]

    async def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Status]:
        """See `Store`."""
        ended = await self.ended(settlements)
        return {job_id: status for (job_id, _), status in ended.items()}

    async def ended(self, settlements: Sequence[Settlement]) -> dict[tuple[str, int], Status]:
        """End attempts; the new status, by job id and token, of those that took effect."""
        # Two ends of one attempt in one batch: the first counts, as in two separate calls.
        ends = {(end.id, end.token): end for end in reversed(settlements)}.values()
        # Two statements are fine, because each settlement is independent of the others.
        given_back = [end for end in ends if end.status is Status.QUEUED]
        final = [end for end in ends if end.status is not Status.QUEUED]
        if all(end.status is Status.SUCCESSFUL for end in final):
            ended = await self._end("succeed", final, arguments.success)
        else:
            ended = await self._end("settle", final, arguments.settlement)
        return ended | await self._end("give_back", given_back, arguments.settlement)

    def _note_awaited(self, ended: Sequence[Row]) -> None:
        """Tell the promoter where others may wait for a job that a write has ended."""
        if any(row["awaited"] == "open" or row["replaced_by"] is not None for row in ended):
            self.due.set()

    async def _end(
        self,
        name: str,
        ends: Sequence[Settlement],
        columns: Callable[[Settlement], Mapping[str, Any]],
    ) -> dict[tuple[str, int], Status]:
        if not ends:
            return {}
        ended = await self._fetch(name, arguments.batch(map(columns, ends)))
        self._note_awaited(ended)
        return {(row["id"], row["token"]): Status(row["status"]) for row in ended}

    async def settle_cleanup(
        self,
        job_id: str,
        *,
        token: int,
        cleanup: Cleanup,
        tries: CleanupTries | None = None,
        unknown: bool = False,
    ) -> bool:
        """See `Store`."""
        state, due_at, ended, allowed, error = arguments.cleanup(cleanup, tries)
        settled = await self._fetch(
            "settle_cleanup", job_id, token, state, due_at, ended, allowed, error, int(unknown)
        )
        self._note_awaited(settled)
        return bool(settled)

    async def resume_cleanups(
        self, *, limit: int, at: datetime | None = None
    ) -> Sequence[WaitingJob]:
        """See `Store`."""
        resumed = await self._fetch("resume_cleanups", arguments.maybe_milliseconds(at), limit)
        return list(map(rows.waiting_job, resumed))

    async def report(self, progress: Mapping[tuple[str, int], Progress]) -> None:
        """See `Store`."""
        await self._fetch(
            "report",
            arguments.batch(
                {"id": job_id, "token": token, "progress": arguments.json(made)}
                for (job_id, token), made in progress.items()
            ),
        )

    async def write_log(self, written: Collection[Written]) -> None:
        """See `Store`."""
        await self._fetch("write_log", arguments.batch(map(arguments.page, written)))

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
        """See `Store`."""
        return [rows.page(row) for row in await self._fetch("log", job_id, after)]

    async def note_survivors(self, job_id: str, *, token: int, death: Death) -> None:
        """See `Store`."""
        await self._fetch(
            "note_survivors", job_id, token, death.signal, death.processes, death.survivors
        )

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
        """See `Store`."""
        instant = arguments.milliseconds(at)
        requested = await self._fetch_audited(
            "request_abort", job_id, uid, instant, reason, grace_s, by, audit=audit
        )
        if requested:
            self._note_awaited(requested)
            return rows.job(requested[0])
        return await self.get(job_id, uid=uid)

    async def refuse_children(self, job_id: str, *, uid: str, limit: int) -> int:
        """See `Store`."""
        return len(await self._fetch("refuse_children", job_id, uid, limit))

    async def unaborted(
        self, job_id: str, *, uid: str, grace_s: float | None, limit: int
    ) -> Collection[str]:
        """See `Store`."""
        return _ids(await self._fetch("unaborted", job_id, uid, grace_s, limit))

    async def parents_in_wait(self, node_id: str) -> Collection[str]:
        """See `Store`."""
        return _ids(await self._fetch("parents_in_wait", node_id))

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
        """See `Store`."""
        last = AFTER_ALL_IDS if last_id is None else last_id
        ids: set[str] = set()
        # Queued first: a job that starts to run in between is found twice, not missed.
        for status in (Status.QUEUED, Status.RUNNING):
            if status in statuses or not statuses:
                which = (uid, status, last, task, limit)
                if group is not None:
                    found = await self._fetch("unfinished_of_group", *which, group)
                elif schedule is not None:
                    found = await self._fetch("unfinished_of_schedule", *which, schedule)
                else:
                    found = await self._fetch("unfinished", *which)
                ids |= _ids(found)
        return sorted(ids)[:limit]

    async def unfinished_by_user(
        self, *, statuses: Collection[Status], task: str | None = None, limit: int
    ) -> Mapping[str, int]:
        """See `Store`."""
        found = Counter[str]()
        for status in sorted(set(statuses) - FINAL):
            counted = await self._fetch("unfinished_by_user", status, task, limit)
            found.update({row["uid"]: row["jobs"] for row in counted})
        return found

    async def counts(self, *, count_max: int) -> JobCounts:
        """See `Store`."""
        (row,) = await self._fetch("counts", count_max)
        held = await self._fetch("held", count_max)
        return rows.job_counts(row, {each["reason"]: each["jobs"] for each in held if each["jobs"]})

    async def finished_per_step(self, *, since: datetime, limit: int) -> Sequence[FinishedCount]:
        """See `Store`."""
        step = STEP // arguments.MILLISECOND
        counted = await self._fetch("finished_per_step", arguments.milliseconds(since), limit, step)
        return [rows.finished_count(row) for row in counted]

    async def durations(self, *, since: datetime, limit: int) -> Sequence[JobDurations]:
        """See `Store`."""
        found = await self._fetch("durations", arguments.milliseconds(since), limit)
        return [JobDurations(row["waited_ms"] / 1000, row["ran_ms"] / 1000) for row in found]

    async def add_call(
        self, claim: Claim, call_id: str, payload: JsonText, *, at: datetime | None = None
    ) -> None:
        """See `Store`."""
        at_ms = arguments.maybe_milliseconds(at)
        await self._fetch("add_call", call_id, claim.id, claim.token, payload, at_ms)

    async def take_calls(
        self,
        *,
        limit: int,
        taken_s: float,
        at: datetime | None = None,
        but: Collection[str] = (),
        but_users: Collection[str] = (),
    ) -> Sequence[HookCall]:
        """See `Store`."""
        times = arguments.maybe_milliseconds(at), round(taken_s * 1000)
        skipped = arguments.keys(but), arguments.keys(but_users)
        taken = await self._fetch("take_calls", *times, limit, *skipped)
        return [rows.call(row) for row in taken]

    async def put_back_call(self, call: HookCall, *, due_at: datetime) -> bool:
        """See `Store`."""
        at = arguments.milliseconds(due_at)
        return bool(await self._fetch("put_back_call", call.id, call.tries, at))

    async def settle_call(self, call: HookCall, verdict: Verdict, *, answer: str) -> bool:
        """See `Store`."""
        due_at = None if verdict.due_at is None else arguments.milliseconds(verdict.due_at)
        return bool(
            await self._fetch("settle_call", call.id, call.tries, verdict.status, due_at, answer)
        )

    async def calls(self, job_id: str, *, limit: int) -> Sequence[HookCall]:
        """See `Store`."""
        return [rows.call(row) for row in await self._fetch("calls", job_id, limit)]

    async def register(self, node: Node) -> None:
        """See `Store`."""
        await self._fetch(
            "register",
            node.id,
            node.name,
            node.version,
            node.workers,
            arguments.json(node.tasks),
            node.running,
            arguments.milliseconds(node.started_at),
            node.beat,
            arguments.batch([arguments.place(node)]),
        )

    async def renew(self, node_id: str, *, running: int) -> bool:
        """See `Store`."""
        return bool(await self._fetch("renew", node_id, running))

    async def set_tasks(self, node_id: str, tasks: Sequence[str]) -> bool:
        """See `Store`."""
        return bool(await self._fetch("set_tasks", node_id, arguments.json(tasks)))

    async def aborts_requested(self, node_id: str) -> Collection[str]:
        """See `Store`."""
        return _ids(await self._fetch("aborts", node_id))

    async def nodes(self) -> Sequence[Node]:
        """See `Store`."""
        return [rows.node(row) for row in await self._fetch("nodes")]

    async def bury(self, node_id: str, *, beat: int | None = None) -> bool:
        """See `Store`."""
        return bool(await self._fetch("bury", node_id, beat))

    async def release_orphans(self, *, losses_max: int, at: datetime) -> Released:
        """See `Store`."""
        lost = arguments.json(lost_failure(losses_max))
        released = await self._fetch(
            "release_orphans", losses_max, arguments.milliseconds(at), lost
        )
        self._note_awaited(released)
        return Released(
            to_enqueue=sorted(rows.released_job(row) for row in released if row["waiting"]),
            ended=sorted(row["id"] for row in released if row["ended"]),
            left_undone=tuple(sorted(row["id"] for row in released if row["cleanup"] == "failed")),
        )

    async def lanes(self, *, after: str = ANYWHERE, limit: int = LANES_SEEN_MAX) -> Sequence[str]:
        """See `Store`."""
        return [row["lane"] for row in await self._fetch("lanes", after, limit)]

    async def queued_needs(self, needs: Collection[str], *, limit: int) -> Collection[str]:
        """See `Store`."""
        found = await self._fetch("queued_needs", limit, arguments.keys(needs))
        return {row["needs"] for row in found}

    async def lane_counts(self, lanes: Collection[str], *, count_max: int) -> Mapping[str, int]:
        """See `Store`."""
        found = await self._fetch("lane_counts", arguments.keys(lanes), count_max)
        return {row["lane"]: row["jobs"] for row in found}

    async def lines(
        self, *, lane: str = ANYWHERE, after_uid: str = "", limit: int
    ) -> Sequence[Line]:
        """See `Store`."""
        found = await (
            self._fetch("lines_of_lane", lane, after_uid, limit)
            if lane
            else self._fetch("lines", after_uid, limit)
        )
        return [rows.line(row) for row in found]

    async def waiting_of(
        self, uid: str, *, lane: str = ANYWHERE, limit: int
    ) -> Sequence[WaitingJob]:
        """See `Store`."""
        found = await self._waiting(WaitingJob("", uid, BEFORE_ALL_TURNS, lane), limit)
        return [job for job in found if job.uid == uid]

    async def pages_of_waiting(self, *, page: int) -> AsyncIterator[Sequence[WaitingJob]]:
        """See `Store`."""
        lanes: Sequence[str] = [ANYWHERE]
        while lanes:
            for lane in lanes:
                last = WaitingJob("", "", BEFORE_ALL_TURNS, lane)
                while jobs := await self._waiting(last, page):
                    yield jobs
                    last = jobs[-1]
            lanes = await self.lanes(after=lanes[-1])

    async def _waiting(self, after: WaitingJob, limit: int) -> Sequence[WaitingJob]:
        """The jobs that wait in the lane of one, after it."""
        last = (after.uid, after.turn_ms, after.id)
        found = await (
            self._fetch("waiting_in_lane", after.lane, *last, limit)
            if after.lane
            else self._fetch("waiting", *last, limit)
        )
        return list(map(rows.waiting_job, found))

    async def promote(self, *, limit: int) -> Sequence[WaitingJob]:
        """See `Store`."""
        return [rows.waiting_job(row) for row in await self._fetch("promote", limit)]

    async def let_go_unique(self, *, limit: int) -> LetGo:
        """See `Store`."""
        return rows.let_go(await self._fetch("let_go_unique", limit))

    async def expire(self, *, limit: int) -> Sequence[str]:
        """See `Store`."""
        error = arguments.json(expired_failure())
        expired = await self._fetch("expire", error, limit)
        self._note_awaited(expired)
        return [row["id"] for row in expired]

    async def next_due_s(self) -> float | None:
        """See `Store`."""
        (row,) = await self._fetch("next_due")
        known = [row[name] for name in DUE if row[name] is not None]
        return min(known) / 1000 if known else None

    async def reorder(
        self,
        job_id: str,
        *,
        uid: str,
        priority: int | None = None,
        retiming: Retiming | None = None,
    ) -> Reordered | None:
        """See `Store`."""
        run_at = None if retiming is None else retiming.run_at
        changed = await self._fetch(
            "reorder",
            job_id,
            uid,
            priority,
            None if retiming is None else 1,
            None if run_at is None else arguments.milliseconds_up(run_at),
        )
        if changed:
            return Reordered(rows.job(changed[0]), changed=True)
        job = await self.get(job_id, uid=uid)
        return None if job is None else Reordered(job, changed=False)

    async def rerunnable(self, which: RerunFilter, *, limit: int) -> Sequence[Rerunnable]:
        """See `Store`."""
        found: list[Rerunnable] = []
        after_id = BEFORE_ALL_IDS
        while len(found) < limit:
            seen = await self._oldest_ended(which, after_id)
            found += [rows.rerunnable(row) for row in seen if row["fits"]]
            if len(seen) < LOOKED_AT_MAX:
                break
            after_id = seen[-1]["id"]
        return found[:limit]

    async def _oldest_ended(self, which: RerunFilter, after_id: str) -> Sequence[Row]:
        statuses, tasks, since, kinds = arguments.rerun_filter(which)
        if which.uid is None:
            return await self._fetch(
                "rerunnable", statuses, after_id, tasks, since, kinds, LOOKED_AT_MAX
            )
        return await self._fetch(
            "rerunnable_of_user", which.uid, statuses, after_id, tasks, since, kinds, LOOKED_AT_MAX
        )

    async def whole(self, job_ids: Collection[str]) -> Sequence[Job]:
        """See `Store`."""
        return [rows.job(row) for row in await self._fetch("whole", arguments.keys(job_ids))]

    async def reruns_of_request(self, request: str) -> Sequence[tuple[Reran, str | None]]:
        """See `Store`."""
        found = await self._fetch("reruns_of_request", request)
        return [(rows.reran(row), row["fingerprint"]) for row in found]

    async def ahead(self, job_id: str, *, uid: str, count_max: int) -> int | None:
        """See `Store`."""
        found = await self._fetch("ahead", job_id, uid, count_max)
        return found[0]["jobs"] if found else None

    async def reruns(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        """See `Store`."""
        return [row["id"] for row in await self._fetch("reruns", job_id, uid, limit)]

    async def time_of_day(self) -> datetime:
        """See `Store`."""
        (row,) = await self._fetch("time_of_day")
        return rows.instant(row["now"])

    async def delete_finished(
        self, *, before: datetime, limit: int, bytes_max: int | None = None
    ) -> int:
        """See `Store`."""
        instant = arguments.milliseconds(before)
        return len(await self._fetch("delete_finished", instant, limit, bytes_max))


def _inserting(new: Sequence[NewJob], batch: str) -> Sequence[Step]:
    """The statements that store jobs: one, unless some of them wait for jobs."""
    inserting = [Step("insert", (batch,))]
    if not any(each.waits for each in new):
        return inserting
    # First those that are there: where one is not, nothing follows.
    named = arguments.predecessors(new)
    marking = [] if named is None else [Step("mark_awaited", (named,))]
    return [*marking, *inserting, Step("add_edges", (arguments.edges(new),))]


def _by_name(
    steps: Sequence[Step], answers: Sequence[Sequence[Row]]
) -> Mapping[str, Sequence[Row]]:
    """The rows of each statement of a chain, as far as it came."""
    return dict(zip((step.name for step in steps), answers, strict=False))


def _ids(found: Sequence[Row]) -> set[str]:
    return {row["id"] for row in found}
