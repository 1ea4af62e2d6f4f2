"""The port to the store: SQLite or PostgreSQL. The package says what all ports promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from scheduler.core.access.audit import AuditRecord
from scheduler.core.job import (
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
from scheduler.core.ports.audit_log import AuditLog
from scheduler.core.ports.dependency_store import DependencyStore
from scheduler.core.ports.limiter_store import LimiterStore
from scheduler.core.ports.pause_store import PauseStore
from scheduler.core.ports.schedule_store import ScheduleStore
from scheduler.core.ports.token_store import TokenStore
from scheduler.core.quotas.quota import Quota, Quotas, Use
from scheduler.core.rerun import Reran, RerunFilter, Rerunnable
from scheduler.core.statistics import FinishedCount, JobCounts, JobDurations
from scheduler.core.webhook import HookCall, Verdict


class Inserted(NamedTuple):
    """The jobs that `Store.insert` stored, or found stored under the same idempotency keys."""

    jobs: Sequence[Job]
    """As they were submitted, or as they are found."""
    created: bool
    claims: Sequence[Claim] = ()
    """Of the jobs that are stored as claimed."""
    queued: Mapping[str, int] = {}
    """How many queued jobs each user has then, if a quota limits them."""
    found: Collection[str] = ()
    """Ids of those of `jobs` that were there already: they have the unique keys of new ones."""
    replaced: Sequence[Job] = ()
    """The jobs whose unique keys new ones have taken over: aborted, or to be stopped."""


class ClaimedWithin(NamedTuple):
    """What `Store.claim_within` claimed, and what not."""

    claims: Sequence[Claim]
    beyond: Sequence[WaitingJob] = ()
    """Those of users with a limit that still wait: these run as many, or a pause covers them."""


class Released(NamedTuple):
    """What `Store.release_orphans` did with the jobs of nodes that are gone."""

    to_enqueue: Sequence[WaitingJob]
    """Those that wait for a worker now: queued again, or aborted with their clean-up pending."""
    ended: Sequence[str]
    """Ids that are final now: aborted, or terminated because their nodes died too often."""
    left_undone: Sequence[str] = ()
    """Ids whose clean-up has failed, because its nodes died too often."""


class Retiming(NamedTuple):
    """Another time for a job that is queued."""

    run_at: datetime | None
    """None: at once."""


class Reordered(NamedTuple):
    """The job that `Store.reorder` found."""

    job: Job
    """As it is after that."""
    changed: bool


class Store(Protocol):
    """The truth about jobs and nodes. Once a write is answered, it is durable.

    Writes are guarded: each names the state it expects, and changes nothing where that does not
    hold. Concurrent calls on one job, from any node, behave as if they came one after the other.
    """

    identity: str
    """A random id made with the database: by it nodes know whether they share a store."""
    due: asyncio.Event
    """Set where a call here has ended a job that others wait for: `dependencies.resolve` has work.
    The promoter clears it, and calls of other nodes do not set it."""

    @property
    def tokens(self) -> TokenStore:
        """The tokens of clients."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Who did what."""
        ...

    @property
    def dependencies(self) -> DependencyStore:
        """What waits for other jobs, and groups of jobs."""
        ...

    @property
    def pauses(self) -> PauseStore:
        """What is paused: of that, nothing is claimed but clean-ups."""
        ...

    @property
    def limiters(self) -> LimiterStore:
        """What limits and throttles of handlers let through."""
        ...

    @property
    def schedules(self) -> ScheduleStore:
        """What makes jobs at set times."""
        ...

    async def insert(
        self,
        jobs: Sequence[NewJob],
        *,
        claimer: str | None = None,
        quotas: Mapping[str, Quota] | None = None,
        audit: Sequence[AuditRecord] = (),
        replacing: Mapping[str, AuditRecord] | None = None,
    ) -> Inserted:
        """Store jobs as queued, all or none; the answer has the order of `jobs`.

        A job whose time has not come by the store's clock is held; a delay begins now. Any other
        may run from now on, also one whose time is long past. One whose task or user is paused is
        held, too.

        With `claimer`, the id of a node, they are stored as claimed by it from their creation on,
        exactly as if `claim` had followed, if it is registered; but not those that are held.

        Where `(uid, idempotency_key)` of all of them is stored already, with the same fingerprints,
        nothing is stored and the earlier jobs are the answer, with `created` false.

        With `quotas`, by uid, that limit how many jobs are queued, all jobs are refused if one of
        these users had too many by them; a repetition is not, and a queued job that is replaced
        does not count. Concurrent calls for one user, from
        any node, count one after the other. Nothing else is refused by a quota, or counts anew.

        A job that comes after others is held until they are over, also where they are over already:
        `dependencies.resolve` lets it go. These are jobs of its user that are stored, or come
        before it in `jobs`. A re-run waits for none.

        Where the jobs are stored, `audit` is stored in the same transaction, and nowhere else. So
        is what `replacing` has by the id of a new job, where the abort of the job that it replaces
        is requested by that: with the id of that one as the target.

        Of the jobs with one unique key, of one user and task, only one is there that is not over:
        for a further one, the answer has that one instead, or all are refused, or it is replaced.
        Then its abort is requested in the same transaction, and the new job, which has the key
        from then on, is held until it is over. Where that one is replaced or aborted in turn, what
        it waited for holds the key until it is over, and the next one waits for that.

        Raises:
            UniqueConflict: another job has a key that is not to be shared.
            Conflict: a key is stored with another fingerprint, or only some of the keys are stored.
            NoSuchPredecessors: jobs that one comes after are not there, or not its user's.
            ParentAborted: the parent of a job is one of the same user that refuses children.
            QuotaExceeded: a user would have more queued jobs than its quota allows.
        """
        ...

    async def stored(self, jobs: Sequence[NewJob]) -> Inserted | None:
        """What `insert` would answer if these jobs were a repetition; None if they are new.

        Raises:
            Conflict: a key is stored with another fingerprint, or only some of the keys are stored.
        """
        ...

    async def usage(self, uids: Collection[str], *, count_max: int) -> Mapping[str, Use]:
        """How many queued and running jobs each of the users has, counted up to a limit."""
        ...

    async def get(self, job_id: str, *, uid: str | None = None) -> Job | None:
        """The job as it is now, or None where there is none with this id.

        With `uid`, also where it is another user's; that takes no longer than where there is none,
        however large the job is.
        """
        ...

    async def abort_of(self, job_id: str) -> Abort | None:
        """The abort of a job; None where none is requested, or there is no such job.

        Like `renew`, `register` and `request_abort`, it does not wait for calls of other kinds,
        however many there are.
        """
        ...

    async def final(self, job_ids: Collection[str]) -> Collection[str]:
        """Those of the ids whose jobs are final, or do not exist."""
        ...

    async def outlines(self, job_ids: Collection[str]) -> Sequence[Job]:
        """Those of the jobs that exist, without `data` and `result`, which may be large.

        `data` is JSON null, and `result` None.
        """
        ...

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
        """A user's jobs with ids below `before_id`, newest first (by id, a UUIDv7).

        Without `uid`, the jobs of all users. With `parent`, only its children. With `group`, which
        needs a `uid`, only those of the user's group. At most `limit` jobs, and no more once their
        JSON texts together pass `bytes_max`; but always one where there is one. Without `statuses`,
        all statuses match.
        """
        ...

    async def claim(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        but_tasks: Collection[str] = (),
    ) -> Sequence[Claim]:
        """Claim those of the jobs that wait: queued ones to run, aborted ones to clean up.

        A queued job becomes running: owner and node name are set, attempt and token grow by one,
        progress is emptied. A held job is not claimed, nor one that is to be ended by `expire`, nor
        one that a pause covers, of its task, its user or the node. Nor is any that needs a label
        which the node has not, or none of those that the node takes only. An aborted job with a
        pending clean-up and without an owner only gets an owner and a new token, whatever is
        paused. The answer leaves out all other jobs, those queued for one of `but_tasks`, which
        `limiters.claim` is for, and all jobs where `node_id` is not registered. Of concurrent calls
        for one job exactly one gets it.
        """
        ...

    async def claim_within(
        self,
        job_ids: Sequence[str],
        *,
        node_id: str,
        at: datetime,
        quotas: Quotas,
        but_tasks: Collection[str] = (),
    ) -> ClaimedWithin:
        """Claim jobs as `claim` does, but no more of a user than may run by his quota.

        Where fewer may run than are given, those whose turn is first are claimed. Concurrent calls
        for one user, from any node, count one after the other; who has no such limit waits for
        nobody. A job is running from its claim on until it is settled or taken back. Clean-ups are
        neither counted nor left out.
        """
        ...

    async def claims_of(self, node_id: str, *, but: Collection[str]) -> Sequence[Claim]:
        """The claims that a node holds now, except those on the jobs with the ids in `but`.

        Where the answer to `claim` was lost, the node finds its claims here. The claims of a call
        that is still running may be in the answer or not.
        """
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> Mapping[str, Status]:
        """End attempts; the answer has the new status, by job id, of those that took effect.

        Each settlement is independent of the others. It takes effect where the job is running and
        has the settlement's token. The owner is removed. A settlement that queues the job again
        with `NOTHING_RAN` says that the attempt did not begin: it is not counted. A job whose abort
        is requested is not queued again: it becomes aborted instead, with the death of the
        settlement. One with `again` is remembered among the last attempts of the job; where that
        has a pause, an attempt is used up, and the job is held so long from now by the store's
        clock. With `unknown_s`, it is held as one that no node can take, and neither its turn nor
        its deadline changes. A job that becomes aborted and is undoable has its clean-up pending.
        """
        ...

    async def settle_cleanup(
        self,
        job_id: str,
        *,
        token: int,
        cleanup: Cleanup,
        tries: CleanupTries | None = None,
        unknown: bool = False,
    ) -> bool:
        """End a try of a clean-up: `done` and `failed` are final, `pending` gives it back.

        Without `tries`, those that are stored stay. Where `tries` has a time for the next one, the
        clean-up waits for no worker until `resume_cleanups` finds that it is due. Where its handler
        is `unknown` to all nodes, its next claims say since when. False, and no effect, where the
        token does not hold or the clean-up is not pending.
        """
        ...

    async def resume_cleanups(
        self, *, limit: int, at: datetime | None = None
    ) -> Sequence[WaitingJob]:
        """Let up to `limit` clean-ups wait for a worker whose next try is due.

        At `at`, or now by the clock that all nodes share.
        Those that have been due longest come first. Concurrent callers get different ones.
        """
        ...

    async def report(self, progress: Mapping[tuple[str, int], Progress]) -> None:
        """Store progress by (job id, token); dropped where the token does not hold any more."""
        ...

    async def write_log(self, written: Collection[Written]) -> None:
        """Store pages of jobs' logs; a page whose token does not hold is dropped.

        A page replaces the page in its slot, unless that has a greater number, or has the same
        number and is longer: so pages may come late, twice, or in any order.
        """
        ...

    async def log(self, job_id: str, *, after: int = 0) -> Sequence[LogPage]:
        """The pages of a job's log that end after the offset `after` (bytes), in their order."""
        ...

    async def note_survivors(self, job_id: str, *, token: int, death: Death) -> None:
        """Record, in a running job's abort, which processes outlived SIGKILL so far.

        No effect where the token does not hold or no abort is requested.
        """
        ...

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
        """Record durably that the user wants the job ended; the answer is the job after that.

        A queued job is aborted at once (with its clean-up pending, if an earlier attempt began and
        it is undoable). A running one is marked; of the first request, the time, the reason and who
        asked (`by`) are kept, and the shortest grace period of all requests. A final one is
        unchanged. None, and no effect, where the id is unknown or another user's.

        Where the request changes the job, `audit` is stored in the same transaction, and nowhere
        else; see `AuditLog.add` for records that several requests share.
        """
        ...

    async def refuse_children(self, job_id: str, *, uid: str, limit: int) -> int:
        """Refuse further children of a job and of all below it; how many accepted them until now.

        Below it are its children, theirs, and so on, final ones too; but only jobs of the user.
        From then on `insert` refuses new children of these jobs. At most `limit` of them are
        changed at a time. Once the answer is 0, nothing can come below the job any more: each
        concurrent `insert` was refused, or its jobs are there and refuse children themselves.
        """
        ...

    async def unaborted(
        self, job_id: str, *, uid: str, grace_s: float | None, limit: int
    ) -> Collection[str]:
        """Up to `limit` ids of the job and of those below it that are to be aborted yet.

        They are queued, or run with no abort requested, or with a longer grace period than
        `grace_s`.
        """
        ...

    async def parents_in_wait(self, node_id: str) -> Collection[str]:
        """Ids of the jobs that a node runs and that have a child that waits for a worker.

        Only a child of the same user, and none that is held.
        """
        ...

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
        """Ids of a user's queued and running jobs with no abort requested yet, oldest first.

        Only ids up to `last_id`, inclusive; with `group` or `schedule`, only of that one.
        """
        ...

    async def unfinished_by_user(
        self, *, statuses: Collection[Status], task: str | None = None, limit: int
    ) -> Mapping[str, int]:
        """How many unfinished jobs each user has, among the oldest `limit` jobs of each status."""
        ...

    async def counts(self, *, count_max: int) -> JobCounts:
        """How many jobs wait for a worker, are held (counted up to `count_max` each) and run.

        The oldest that waits is found among the `count_max` that are next. All are read one after
        the other: a job that moves on may be in two, or in none.
        """
        ...

    async def finished_per_step(self, *, since: datetime, limit: int) -> Sequence[FinishedCount]:
        """Of the newest `limit` jobs that became final since then, how many per step and status.

        Newest step first; steps in which nothing ended are left out.
        """
        ...

    async def durations(self, *, since: datetime, limit: int) -> Sequence[JobDurations]:
        """How long the newest `limit` jobs that became final since then waited and ran.

        They waited since their submission, or since the time that their user chose. Jobs that ended
        before they were started are left out. Newest end first; never negative, though the clocks
        of two nodes may differ.
        """
        ...

    async def add_call(
        self, claim: Claim, call_id: str, payload: JsonText, *, at: datetime | None = None
    ) -> None:
        """Add a call of the job's hook with this payload; no effect where the call id is stored.

        It is due at `at`, or now by the clock that all nodes share.

        No effect either where the claim's token does not hold any more, or the job has no hook. The
        end of a job that has a hook adds a call, too, whichever method ends it: in the same
        transaction, due at once by the clock that all nodes share, and with the job's id as the
        call's id. So does an attempt that is followed by another one after a pause, where the job
        wants that.
        """
        ...

    async def take_calls(
        self,
        *,
        limit: int,
        taken_s: float,
        at: datetime | None = None,
        but: Collection[str] = (),
        but_users: Collection[str] = (),
    ) -> Sequence[HookCall]:
        """Take up to `limit` of the calls that are due, for one try each.

        At `at`, or now by the clock that all nodes share. Calls to the receivers in `but`
        (`webhook.receiver`) and of jobs of `but_users` are skipped. Concurrent callers get
        different calls. A call that is not settled is due again `taken_s` later.
        """
        ...

    async def put_back_call(self, call: HookCall, *, due_at: datetime) -> bool:
        """Give back a call that was taken, without a try; false if a later one began."""
        ...

    async def settle_call(self, call: HookCall, verdict: Verdict, *, answer: str) -> bool:
        """Record the result of the try that `call` was taken for; false if a later one began."""
        ...

    async def calls(self, job_id: str, *, limit: int) -> Sequence[HookCall]:
        """The first `limit` calls of a job's hook, oldest first. They are deleted with the job."""
        ...

    async def register(self, node: Node) -> None:
        """Register a node, so that it may claim. Its `beat` starts with the one given.

        A node that comes back must give a beat that no other node has seen from it: with an old one
        a late `bury` would delete it again. No effect where it is registered.
        """
        ...

    async def renew(self, node_id: str, *, running: int) -> bool:
        """Renew the lease: the beat grows. It touches no job, so no lock on jobs delays it.

        False where the node is not registered any more: it was presumed dead and owns nothing.
        """
        ...

    async def set_tasks(self, node_id: str, tasks: Sequence[str]) -> bool:
        """Note which handlers a node has from now on; false where it is not registered."""
        ...

    async def aborts_requested(self, node_id: str) -> Collection[str]:
        """Ids of the jobs that a node runs and whose abort is requested."""
        ...

    async def nodes(self) -> Sequence[Node]:
        """The registered nodes, by name."""
        ...

    async def bury(self, node_id: str, *, beat: int | None = None) -> bool:
        """Delete a node: from now on it can claim nothing, and `release_orphans` takes its jobs.

        With `beat`, only where that is still the node's beat; else false, and no effect.
        """
        ...

    async def release_orphans(self, *, losses_max: int, at: datetime) -> Released:
        """Take back the jobs of nodes that are not registered any more, as one transaction.

        A running job whose abort is requested becomes aborted, with `NOTHING_RAN`. For any other
        running job a loss is counted: with the `losses_max`-th it ends terminated with kind lost,
        before that it is queued again, its attempt is remembered as lost, and none is used up. A
        clean-up with an owner loses it, and counts a loss, too, but no try: with the
        `losses_max`-th loss it has failed.
        """
        ...

    async def lanes(self, *, after: str = ANYWHERE, limit: int = LANES_SEEN_MAX) -> Sequence[str]:
        """The lanes in which jobs wait that need labels, `limit` at most; see `places.labels`.

        Lanes up to `after` are left out: with the last lane of one answer the next one goes on.
        """
        ...

    async def queued_needs(self, needs: Collection[str], *, limit: int) -> Collection[str]:
        """The lanes that queued jobs have, or will have once nothing holds them.

        `limit` of all, and those of the given ones that there are.
        """
        ...

    async def lane_counts(self, lanes: Collection[str], *, count_max: int) -> Mapping[str, int]:
        """How many queued jobs wait in each of these lanes, counted up to a limit."""
        ...

    async def lines(
        self, *, lane: str = ANYWHERE, after_uid: str = "", limit: int
    ) -> Sequence[Line]:
        """Users who have jobs that wait in a lane, `limit` at most, in an order of their uids.

        A job waits that is queued and not held, or whose clean-up is pending and has no owner.
        Users up to `after_uid` are left out: with the last uid of one answer the next one goes on.
        The cost grows with the number of users and of running jobs, not with that of waiting ones.
        """
        ...

    async def waiting_of(
        self, uid: str, *, lane: str = ANYWHERE, limit: int
    ) -> Sequence[WaitingJob]:
        """Jobs of a user that wait in a lane, the next ones first."""
        ...

    def pages_of_waiting(self, *, page: int) -> AsyncIterator[Sequence[WaitingJob]]:
        """All jobs that wait for a worker, by lanes and users in their turn, `page` at a time."""
        ...

    async def promote(self, *, limit: int) -> Sequence[WaitingJob]:
        """Let up to `limit` held jobs wait for a worker whose time has come by the store's clock.

        Those that have been due longest come first. Concurrent callers get different jobs. A job
        counts as eligible since it was due, however late it is promoted.
        """
        ...

    async def let_go_unique(self, *, limit: int) -> LetGo:
        """Let up to `limit` held jobs go whose unique keys no other jobs hold any more.

        Concurrent callers get different jobs.
        """
        ...

    async def expire(self, *, limit: int) -> Sequence[str]:
        """End up to `limit` jobs with kind `expired` that no attempt began in time; their ids.

        They may run for longer than their `start_within_s`, by the store's clock, and no attempt
        has begun. Concurrent callers get different ids; `claim` leaves such jobs out.
        """
        ...

    async def next_due_s(self) -> float | None:
        """In how many seconds one of `promote`, `expire`, `resolve` and `let_go` has work to do.

        None: nothing is known.

        Negative where it has since so long.
        """
        ...

    async def reorder(
        self,
        job_id: str,
        *,
        uid: str,
        priority: int | None = None,
        retiming: Retiming | None = None,
    ) -> Reordered | None:
        """Change when, and in which order, a queued job runs; None leaves as it is what it is for.

        A time that has not come holds the job, and any other lets it go, also where it waits for
        the pause before its next attempt; but a job that is held for a reason without a time stays
        so. Without effect where the job is not queued, or is so already. None where the id is
        unknown or another user's.
        """
        ...

    async def rerunnable(self, which: RerunFilter, *, limit: int) -> Sequence[Rerunnable]:
        """Up to `limit` of the jobs that match, are over and have no re-run, oldest first.

        A job is over where it is final and no clean-up is pending. What became of its re-run does
        not matter: that is a job of its own, and can be run again itself.
        """
        ...

    async def whole(self, job_ids: Collection[str]) -> Sequence[Job]:
        """Those of the jobs that exist, oldest first."""
        ...

    async def reruns_of_request(self, request: str) -> Sequence[tuple[Reran, str | None]]:
        """The re-runs that a request of many made, each with its fingerprint."""
        ...

    async def ahead(self, job_id: str, *, uid: str, count_max: int) -> int | None:
        """How many of a user's queued jobs have their turn before one of them, up to a number.

        Only those that need the same labels.

        None where it does not wait for a worker, or is not there. Held jobs are not counted, nor
        are clean-ups.
        """
        ...

    async def reruns(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        """The newest ids of re-runs of a user's job."""
        ...

    async def time_of_day(self) -> datetime:
        """The time of day by the clock that all nodes share."""
        ...

    async def delete_finished(
        self, *, before: datetime, limit: int, bytes_max: int | None = None
    ) -> int:
        """Delete at most `limit` jobs that were final before then; the answer is how many.

        No more once their JSON texts and logs together pass `bytes_max`, so that one call does not
        delay the writes behind it, however large the jobs are; but always one where there is one.
        Their logs are deleted with them. A job is kept while its clean-up is pending, with or
        without a time for the next try, or a call of its hook is due, or a job that comes after it
        has not ended.
        """
        ...
