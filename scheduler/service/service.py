"""The use cases behind the API: submit, get, list, follow, abort, reorder.

    submit   store.insert ──▶ queue.enqueue           an id without a row would run nothing
                   ├────────▶ an idle worker          which has claimed the job with its insertion
                   └────────▶ the promoter            where the job is held until a time
    abort    store.request_abort ──▶ queue.announce   first durable, then fast

Neither fails because the queue is away: the store has the job or the abort, and the sweeper and the
heartbeat make up for the lost message.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from scheduler.core.access.audit import Action, AuditRecord
from scheduler.core.access.principal import Principal, Right
from scheduler.core.change import Position, changed, queued
from scheduler.core.dependencies.declaration import After, Wanted, resolved
from scheduler.core.errors import NotFound, QueueUnavailable, StoreUnavailable, Unavailable
from scheduler.core.job import Job, JobRequest, NewJob, Node, Order, Status, Until
from scheduler.core.job_log import Line, lines
from scheduler.core.places.labels import lane_of, needs
from scheduler.core.policy import waiting_cleanup, waiting_job
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.direct_start import DirectStart
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.store import Inserted, Retiming, Store
from scheduler.core.quotas.quota import Quota
from scheduler.core.tasks import Tasks
from scheduler.core.webhook import HookCall
from scheduler.service.access.audit import (
    recorded_aborts,
    recorded_replacements,
    recorded_submissions,
)
from scheduler.service.access.rights import (
    no_such_job,
    require,
    require_job,
    require_uid_or_all,
    require_users,
)
from scheduler.service.change_feed import ChangeFeed
from scheduler.service.following.event_feed import EventFeed
from scheduler.service.following.events import Event
from scheduler.service.following.job_follower import JobFollower
from scheduler.service.job_looks import LOOK_AGAIN_S, JobLooks
from scheduler.telemetry.job_events import JobEvents

PAGE_BYTES_MAX: Final = 8 * 1024 * 1024
"""A page of a list ends early at this size, so that no response fills the node's memory."""
CALLS_MAX: Final = 1000
"""How many calls of a hook one response shows."""
ABORTS_AT_ONCE_MAX: Final = 200
"""How many jobs `abort_all`, or an abort with children, aborts at a time."""
REFUSALS_AT_ONCE_MAX: Final = 1000
"""How many jobs one write makes refuse further children: few, so that no other write waits long."""
PROBE_S: Final = 2.0
"""How long a readiness probe waits for the store and the queue."""
REPLACED: Final = "replaced by the next job of its schedule"
"""Why a job is aborted whose schedule says so."""
SEE_LOG: Final = "the {} does not answer, or takes nothing now; the node's log says why"
"""An outage, in the words for those who may not know where a server is."""


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some jobs, newest first; `next_before` is the `before_id` of the next page, if any."""

    jobs: Sequence[Job]
    next_before: str | None


@dataclass(frozen=True, slots=True)
class Aborts:
    """How many jobs `abort_all` aborted, and how many are being stopped."""

    aborted: int
    aborting: int


class Service:
    """The scheduler's use cases. Knows jobs and users, and nothing of HTTP."""

    def __init__(
        self,
        *,
        store: Store,
        queue: Queue,
        clock: Clock,
        new_id: Callable[[], str],
        change_feed: ChangeFeed,
        looks: JobLooks,
        tasks: Tasks,
        draining: asyncio.Event,
        direct_start: DirectStart,
        job_events: JobEvents,
    ) -> None:
        self.tasks = tasks
        self.nearer = store.due
        """Set where a time was stored at which something may be due, for this node's promoter."""
        self.freed = asyncio.Event()
        """Set where a job has ended for which others of its handler may have waited."""
        self._store = store
        self._queue = queue
        self._change_feed = change_feed
        self._event_feed = EventFeed(store=store, change_feed=change_feed)
        self._looks = looks
        self._clock = clock
        self._new_id = new_id
        self._draining = draining
        self._direct_start = direct_start
        self._job_events = job_events

    async def submit(
        self,
        by: Principal,
        submissions: Sequence[JobRequest],
        *,
        idempotency_key: str | None = None,
        fingerprint: str | None = None,
        traceparent: str | None = None,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] | None = None,
    ) -> Inserted:
        """Store the jobs, all or none, and enqueue them; with an idle worker, a single one begins.

        With an idempotency key, a second call with the same key and fingerprint returns the jobs
        of the first, with `created` false. One key covers all jobs of a request.

        Args:
            traceparent: of the trace that the request belongs to; the jobs continue it.
            quotas: by uid, those that limit how many jobs are queued.
            audit: what to record instead of a submission for others.

        Raises:
            Forbidden: somebody may not submit for one of the users.
            Conflict: the key was used before, with another fingerprint; or one of the re-runs that
                are made only once was made by another request.
            NoSuchPredecessors: a job is to wait for what is not there, or is another user's.
            ParentAborted: the parent of a job was aborted with its children.
            UniqueConflict: another job has a unique key that is not to be shared.
            QuotaExceeded: a user would have too many queued jobs.
            StoreUnavailable: nothing is stored.
        """
        require_users(by, Right.CHANGE, {submission.uid for submission in submissions})
        jobs = self._new_jobs(by, submissions, idempotency_key, fingerprint, traceparent)
        if audit is None:
            audit = recorded_submissions(by, jobs, at=self._clock.now())
        inserted = await (
            self._insert_one(*jobs, quotas=quotas, audit=audit)
            if len(jobs) == 1 and not self._may_be_held(jobs[0])
            else self._store.insert(
                jobs, quotas=quotas, audit=audit, replacing=recorded_replacements(by, jobs)
            )
        )
        if inserted.created and not inserted.claims:
            stored = [job for job in inserted.jobs if job.id not in inserted.found]
            self._queue.announce([queued(job) for job in stored])
            await self._enqueue(stored)
        for job in inserted.replaced:
            await self._tell_aborted(job, at=jobs[0].created_at)
        return inserted

    async def _tell_aborted(self, job: Job, *, at: datetime) -> None:
        """Tell of an abort that was requested then."""
        if job.status is Status.ABORTED and job.finished_at == at:
            self._job_events.aborted_in_queue(job)
        await self._announce(job)

    async def submitted_before(
        self,
        by: Principal,
        submissions: Sequence[JobRequest],
        *,
        idempotency_key: str,
        fingerprint: str | None,
    ) -> Inserted | None:
        """What `submit` answers to a repetition; None where this is none.

        Raises:
            Forbidden: somebody may not submit for one of the users.
            Conflict: the key was used before, with another fingerprint.
        """
        require_users(by, Right.CHANGE, {submission.uid for submission in submissions})
        jobs = self._new_jobs(by, submissions, idempotency_key, fingerprint, None)
        return await self._store.stored(jobs)

    def _new_jobs(
        self,
        by: Principal,
        submissions: Sequence[JobRequest],
        idempotency_key: str | None,
        fingerprint: str | None,
        traceparent: str | None,
    ) -> Sequence[NewJob]:
        now = self._clock.now()
        ids = [self._new_id() for _ in submissions]
        after = what_they_come_after(ids, submissions)
        awaited = {job_id for each in after if each is not None for job_id in each.ids}
        return [
            NewJob(
                **submission.submitted(),
                order=self._placed(submission),
                rerun=submission.rerun,
                unique=submission.unique,
                after=each_after,
                awaited=job_id in awaited,
                id=job_id,
                traceparent=traceparent,
                undoable=self._is_undoable(submission.task),
                submitted_by=by.name,
                created_at=now,
                idempotency_key=key,
                fingerprint=None if key is None else fingerprint,
            )
            for submission, key, job_id, each_after in zip(
                submissions, _keys(idempotency_key, submissions), ids, after, strict=True
            )
        ]

    def _placed(self, submission: JobRequest) -> Order:
        """When a job is to run, and where: also with what its handler needs."""
        options = self.tasks.get(submission.task)
        if options is None or not options.needs:
            return submission.order
        return replace(submission.order, needs=needs(submission.order.needs, options.needs))

    async def _enqueue(self, jobs: Sequence[Job]) -> None:
        """Enqueue queued jobs; of those that are held, or must begin in time, tell the promoter."""
        if any(job.hold is not None or job.start_within_s is not None for job in jobs):
            self.nearer.set()
        # While the queue is away, the jobs wait in the store, and the sweeper enqueues them.
        with suppress(QueueUnavailable):
            await self._queue.enqueue([waiting_job(job) for job in jobs if job.hold is None])

    def look_for_held(self) -> None:
        """Have this node look soon whether held jobs may be let go."""
        self.nearer.set()
        self.freed.set()

    def _may_be_held(self, job: NewJob) -> bool:
        """Whether it may have to wait for a time or for other jobs, or is perhaps not stored."""
        waits = job.after is not None or job.unique is not None or job.order.may_be_held
        return waits or job.task in self.tasks.limited

    def _is_undoable(self, task: str) -> bool:
        """Whether its jobs can be undone; it may have gone since the request was checked."""
        options = self.tasks.get(task)
        return options is not None and options.undoable

    async def _insert_one(
        self,
        new: NewJob,
        *,
        quotas: Mapping[str, Quota] | None,
        audit: Sequence[AuditRecord],
    ) -> Inserted:
        """Store a job, claimed for a worker that idles, if there is one; then that begins with it.

        Several at once wait for the queue: it shares them among all nodes, and a node runs them
        faster in lots.
        """
        with self._direct_start.reserve(new.id, new.uid, new.order.needs) as worker:
            inserted = await self._store.insert(
                [new], claimer=worker.node_id, quotas=quotas, audit=audit
            )
            if inserted.claims:
                self._queue.announce([queued(job) for job in inserted.jobs])
                worker.begin(inserted.claims, at=new.created_at)
        return inserted

    async def get(
        self,
        by: Principal,
        uid: str,
        job_id: str,
        *,
        wait_s: float = 0.0,
        until: Until = Until.FINAL,
    ) -> Job:
        """The job; with `wait_s`, as soon as it is final or over, or when the time is up.

        Raises:
            NotFound: no such job, or another user's.
        """
        require_job(by, Right.READ, uid, job_id)
        job = await self._store.get(job_id, uid=uid)
        if job is None:
            raise no_such_job(uid, job_id)
        return job if wait_s <= 0 else await self._waited(job, wait_s=wait_s, until=until)

    async def hook_calls(self, by: Principal, uid: str, job_id: str) -> Sequence[HookCall]:
        """The calls of a job's hook so far, oldest first.

        Raises:
            NotFound: no such job, or another user's.
        """
        await self.get(by, uid, job_id)
        return await self._store.calls(job_id, limit=CALLS_MAX)

    async def log(
        self, by: Principal, uid: str, job_id: str, *, follow: bool
    ) -> AsyncGenerator[Sequence[Line], None]:
        """The lines that a job printed: first those that there are now, perhaps none.

        With `follow`, also the lines that it prints from then on, until it is over.

        Raises:
            NotFound: no such job, or another user's.
        """
        job: Job | None = await self.get(by, uid, job_id)
        found, end = await self._lines(job_id, after=0)
        yield found
        if not follow:
            return
        async with self._queue.watch(job_id) as changed_event:
            while job is not None and not job.over:
                await _change(changed_event)
                with suppress(StoreUnavailable):
                    # Read the job before its log: a job's lines are stored before its end. The
                    # other way round, its last lines could be stored between the two reads.
                    now = await self._looks.outline(job_id)
                    found, end = await self._lines(job_id, after=end)
                    yield found
                    job = now

    async def _lines(self, job_id: str, *, after: int) -> tuple[Sequence[Line], int]:
        """The lines that a job printed after this offset, and the offset after them."""
        found = list(lines(await self._looks.log(job_id, after=after), after=after))
        return found, found[-1].end if found else after

    async def follow(
        self, by: Principal, uid: str, job_id: str, *, after: Position | None, log: bool
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of a job until it is over, beginning with its current state; see `events`.

        Raises:
            NotFound: no such job, or another user's.
        """
        job = await self.get(by, uid, job_id)
        follower = JobFollower(
            job,
            after=after,
            log=log,
            change_feed=self._change_feed,
            looks=self._looks,
        )
        return follower.events()

    def follow_all(
        self, by: Principal, uid: str | None, *, after: Position | None, log: bool
    ) -> AsyncGenerator[Sequence[Event], None]:
        """The events of all jobs, or of one user's, from now on or after a position.

        Raises:
            Forbidden: somebody may not read these.
        """
        uid = uid or by.only_uid
        require_uid_or_all(by, Right.READ, uid)
        return self._event_feed.of_jobs(uid, after=after, log=log)

    async def page(
        self,
        by: Principal,
        uid: str | None,
        *,
        statuses: Collection[Status],
        task: str | None,
        parent: str | None = None,
        group: str | None = None,
        before_id: str | None,
        limit: int,
    ) -> JobPage:
        """Some jobs of one user, or of all, newest first; none for an unknown user.

        Raises:
            Forbidden: somebody may not read these.
        """
        uid = uid or by.only_uid
        require_uid_or_all(by, Right.READ, uid)
        page_before = partial(
            self._store.page, uid, statuses=statuses, task=task, parent=parent, group=group
        )
        jobs = await page_before(before_id=before_id, limit=limit, bytes_max=PAGE_BYTES_MAX)
        if not jobs:
            return JobPage((), None)
        # Only the store knows whether a short page is the last one or was cut by its size.
        last = jobs[-1].id
        more = await page_before(before_id=last, limit=1, bytes_max=0)
        return JobPage(jobs, last if more else None)

    async def abort(
        self,
        by: Principal,
        uid: str,
        job_id: str,
        *,
        reason: str | None = None,
        grace_s: float | None = None,
        children: bool = False,
        wait_s: float = 0.0,
        until: Until = Until.FINAL,
    ) -> Job:
        """Request an abort durably, and return the job: aborted, being stopped, or ended before.

        With `children`, the abort of all jobs below it is requested as well, whatever became of
        the job itself. With `wait_s`, returns as soon as the job is final or over, or when the time
        is up.

        Raises:
            NotFound: no such job, or another user's.
        """
        require_job(by, Right.CHANGE, uid, job_id)
        detail = {"reason": reason, "grace_s": grace_s, "children": children or None}
        audit = recorded_aborts(
            by, Action.ABORT, at=self._clock.now(), uid=uid, target=job_id, detail=detail
        )
        abort = partial(
            self._abort, uid=uid, by=by.name, reason=reason, grace_s=grace_s, audit=audit
        )
        job = await abort(job_id)
        if children:
            await self._abort_below(job, abort, grace_s=grace_s)
        return await self._waited(job, wait_s=wait_s, until=until)

    async def abort_replaced(self, job_id: str, uid: str) -> None:
        """Abort a job in whose place a later one of its schedule is to run; it may be gone."""
        with suppress(NotFound):
            await self._abort(job_id, uid=uid, by=None, reason=REPLACED, audit=())

    async def reorder(
        self,
        by: Principal,
        uid: str,
        job_id: str,
        *,
        priority: int | None = None,
        retiming: Retiming | None = None,
    ) -> Job:
        """Change the priority of a queued job, the time before which it does not run, or both.

        The answer is the job; where it is not queued, nothing was changed.

        Raises:
            NotFound: no such job, or another user's.
        """
        require_job(by, Right.CHANGE, uid, job_id)
        found = await self._store.reorder(job_id, uid=uid, priority=priority, retiming=retiming)
        if found is None:
            raise no_such_job(uid, job_id)
        if found.changed:
            self._queue.announce([changed(job_id, uid)])
            await self._enqueue([found.job])
        return found.job

    async def abort_all(
        self,
        by: Principal,
        uid: str,
        *,
        statuses: Collection[Status],
        task: str | None,
        group: str | None = None,
        schedule: str | None = None,
        reason: str | None = None,
    ) -> Aborts:
        """Abort every job of a user that matches, is not final and existed when this began.

        Later jobs are left out: a user who keeps submitting would keep this busy for ever.

        Raises:
            Forbidden: somebody may not abort jobs of this user.
        """
        require_users(by, Right.CHANGE, [uid])
        detail = {"status": sorted(statuses) or None, "task": task, "group": group}
        if schedule is not None:
            detail["schedule"] = schedule
        audit = recorded_aborts(by, Action.ABORT_ALL, at=self._clock.now(), uid=uid, detail=detail)
        abort = partial(self._abort, uid=uid, by=by.name, reason=reason, audit=audit)
        counts = {Status.ABORTED: 0, Status.RUNNING: 0}
        unfinished = partial(
            self._store.unfinished,
            uid,
            statuses=statuses,
            task=task,
            group=group,
            schedule=schedule,
        )
        # The newest id comes from the store: one made here, by this node's clock, would miss jobs
        # that a node with a faster clock submitted.
        for newest in await self._store.page(uid, limit=1, bytes_max=0):
            while ids := await unfinished(last_id=newest.id, limit=ABORTS_AT_ONCE_MAX):
                for job in await self._abort_each(ids, abort):
                    if job.status in counts:
                        counts[job.status] += 1
        return Aborts(aborted=counts[Status.ABORTED], aborting=counts[Status.RUNNING])

    async def nodes(self, by: Principal) -> Sequence[Node]:
        """The nodes that are up, by name.

        Raises:
            Forbidden: somebody may not see them.
        """
        require(by, Right.OPERATE)
        return await self._store.nodes()

    async def not_ready_reasons(self) -> Mapping[str, str]:
        """Why this node cannot take work now: reasons by name; empty when it is ready.

        Everybody may know them, so they do not say where the store and the queue are.
        """
        found = {"draining": "the node is draining"} if self._draining.is_set() else {}
        for name, probe in (("store", self._store.nodes), ("queue", self._queue.latest_change)):
            try:
                async with asyncio.timeout(PROBE_S):
                    await probe()
            except Unavailable:
                found[name] = SEE_LOG.format(name)
            except TimeoutError:
                found[name] = f"no answer within {PROBE_S} s"
        return found

    async def _abort(
        self,
        job_id: str,
        *,
        uid: str,
        by: str | None,
        reason: str | None = None,
        grace_s: float | None = None,
        audit: Sequence[AuditRecord],
    ) -> Job:
        """Request an abort durably, and announce it.

        Raises:
            NotFound: no such job, or another user's.
        """
        now = self._clock.now()
        job = await self._store.request_abort(
            job_id, uid=uid, by=by, reason=reason, grace_s=grace_s, at=now, audit=audit
        )
        if job is None:
            raise no_such_job(uid, job_id)
        await self._tell_aborted(job, at=now)
        return job

    async def _abort_below(
        self,
        job: Job,
        abort: Callable[[str], Coroutine[None, None, Job]],
        *,
        grace_s: float | None,
    ) -> None:
        """Abort all that is below a job, also what is submitted meanwhile.

        First nothing more may come: else this would race with handlers that go on submitting. Both
        steps look for what is left to do, so a repeat completes what a node that died had begun.
        """
        uid, limit = job.uid, REFUSALS_AT_ONCE_MAX
        while await self._store.refuse_children(job.id, uid=uid, limit=limit):
            pass
        unaborted = partial(self._store.unaborted, job.id, uid=uid, grace_s=grace_s)
        while found := await unaborted(limit=ABORTS_AT_ONCE_MAX):
            await self._abort_each(found, abort)

    async def _abort_each(
        self, job_ids: Collection[str], abort: Callable[[str], Coroutine[None, None, Job]]
    ) -> Sequence[Job]:
        try:
            async with asyncio.TaskGroup() as group:
                aborts = [
                    group.create_task(_if_there(abort(each)), name=f"abort {each}")
                    for each in job_ids
                ]
        except ExceptionGroup as failures:
            # The caller gets one error. What is aborted stays so, and the call can be repeated.
            raise failures.exceptions[0] from None
        return [job for abort in aborts if (job := abort.result()) is not None]

    async def _announce(self, job: Job) -> None:
        """Announce an abort so that it takes effect at once.

        Without the announcement, the heartbeat or the sweeper finds the abort a little later.
        """
        if job.abort is None:
            return  # the job had ended before
        self._queue.announce([changed(job.id, job.uid)])
        with suppress(QueueUnavailable):
            if job.status is Status.RUNNING and job.owner is not None:
                await self._queue.announce_abort(job.id, node_id=job.owner)
            elif job.cleanup_waits:
                await self._queue.enqueue([waiting_cleanup(job.id, lane_of(job.needs))], ahead=True)
            elif job.needs and job.status is Status.ABORTED:
                # Perhaps no node ever takes it out of its line.
                await self._queue.drop([waiting_job(job)])

    async def _waited(self, job: Job, *, wait_s: float, until: Until) -> Job:
        """The job as soon as it is final or over, or in its current state when the time is up."""
        if job.reached(until) or wait_s <= 0:
            return job
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._queue.watch(job.id) as changed_event:
                with self._looks.waiting(job.id, changed_event):
                    # Look only after watching began: a change in between would be missed.
                    while not await self._looks.reached(job.id, until):
                        await changed_event.wait()
                        changed_event.clear()
        return await self._now(job)

    async def _now(self, job: Job) -> Job:
        """The job's current state; the given one if the store is away or has deleted the job.

        No error: its abort may be stored already, and an error would deny that.
        """
        with suppress(StoreUnavailable):
            return await self._store.get(job.id) or job
        return job


async def _if_there(found: Coroutine[None, None, Job]) -> Job | None:
    with suppress(NotFound):
        return await found
    return None


async def _change(changed_event: asyncio.Event) -> None:
    """Wait for the event, but at most `LOOK_AGAIN_S`: a lost change sets no event."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LOOK_AGAIN_S):
            await changed_event.wait()
    changed_event.clear()


def what_they_come_after(
    ids: Sequence[str], submissions: Sequence[JobRequest]
) -> Sequence[After | None]:
    """What the jobs of a request come after; a re-run after what the job did that it runs again."""
    if all(each.came_after is None and not each.order.after for each in submissions):
        return [None] * len(ids)
    wanted = [
        Wanted(job_id, each.order.ref, each.order.after, each.order.after_if)
        for job_id, each in zip(ids, submissions, strict=True)
    ]
    return [
        each.came_after or found for each, found in zip(submissions, resolved(wanted), strict=True)
    ]


def _keys(key: str | None, submissions: Iterable[JobRequest]) -> Iterator[str | None]:
    """A key for each job of a request: the first job of each user gets the key itself.

    So a second request with the same key but more or fewer jobs still conflicts with the first. A
    re-run that is made only once has the same key whoever asks for it; no client can send that one.
    """
    seen = Counter[str]()
    for each in submissions:
        if each.rerun is not None and each.rerun.once:
            yield f"\x1frerun {each.rerun.of}"
        elif key is None:
            yield None
        else:
            yield key if not seen[each.uid] else f"{key}\x1f{seen[each.uid]}"
            seen[each.uid] += 1
