"""What a job is and what may happen to it. Pure: no I/O, no clock.

                  claim                 the handler returned
    ┌─▶ queued ──────────▶ running ─────────────────────────▶ successful
    │    │ │                │ │ │
    │    │ │ abort          │ │ └── raised, crashed, late ──▶ terminated
    │    │ ▼                │ │                                   ▲
    │    │ aborted ◀────────│─┘ abort, its processes dead         │
    │    └──────────────────│── not begun in time ────────────────┘
    └───────────────────────┘ its node died or drained, or it is tried again

A queued job waits for a worker, or is *held*: then it waits for something else first (`Hold`).

A job is run by *attempts*. Each attempt begins with a *claim*, which carries a *token* that
only grows; whatever an attempt writes names its token, so a late writer changes nothing.
JSON from users (`data`, `result`) is text here: the scheduler passes it on, unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, NewType

from scheduler.core.dependencies.declaration import After, AfterIf

JsonText = NewType("JsonText", str)
"""A complete JSON document as text."""


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    TERMINATED = "terminated"
    ABORTED = "aborted"


OTHER_WORDS: Final[Mapping[str, Status]] = {
    "pending": Status.QUEUED,
    "started": Status.RUNNING,
    "done": Status.SUCCESSFUL,
    "completed": Status.SUCCESSFUL,
    "succeeded": Status.SUCCESSFUL,
    "failed": Status.TERMINATED,
    "error": Status.TERMINATED,
    "canceled": Status.ABORTED,
    "cancelled": Status.ABORTED,
}
"""What other schedulers, and people, call a status."""


def meant(word: str) -> str:
    """Which status this word stands for, as a sentence; empty where it stands for none."""
    status = OTHER_WORDS.get(word)
    return f"jobs that are {word!r} elsewhere are {str(status)!r} here" if status else ""


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.TERMINATED, Status.ABORTED}),
    Status.RUNNING: frozenset(
        {Status.QUEUED, Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED}
    ),
    Status.SUCCESSFUL: frozenset(),
    Status.TERMINATED: frozenset(),
    Status.ABORTED: frozenset(),
}
"""Every change of status that may ever be written; the store's statements enforce the same."""

FINAL: Final = frozenset(status for status, following in TRANSITIONS.items() if not following)


class FailureKind(StrEnum):
    """Why a job ended `terminated`."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    CRASH = "crash"
    RESULT = "result"
    LOST = "lost"
    UNKNOWN_TASK = "unknown_task"
    EXPIRED = "expired"


class HoldReason(StrEnum):
    """Why a queued job does not wait for a worker yet.

    A reason is added here, and where jobs are held for it and let go (`promote.sql` does so for all
    that end with a time); whatever else looks at held jobs takes any reason.
    """

    RUN_AT = "run_at"
    """The time has not come that its user chose."""
    PAUSED = "paused"
    """Its handler or its user is paused; `let_go_of_task.sql` and its kin let it go."""
    RETRY = "retry"
    """An attempt failed, and the next one comes after a pause."""
    NO_NODE = "no_node"
    """No live node knows its handler; one that knows it may come. See `NO_NODE`, too."""
    LIMIT = "limit"
    """As many jobs of its handler run as may, for a key of it; ends by `let_go_of_limiter.sql`."""
    THROTTLE = "throttle"
    """As many have begun as may within a time; `let_go_of_limiter.sql` lets it go, too."""
    AFTER = "after"
    """Jobs that it comes after are not over; `release_successors.sql` lets it go."""
    OVERLAP = "overlap"
    """Earlier jobs of its schedule are not over; `let_go_overlapping.sql` lets it go, one at a
    time."""
    REPLACE = "replace"
    """The same, and those are being aborted, since it replaces them."""
    UNIQUE = "unique"
    """The job that it replaces is not over."""


class OnConflict(StrEnum):
    """What becomes of a submission whose unique key another job of its user and task has."""

    EXISTING = "existing"
    """It is answered with that job."""
    REJECT = "reject"
    """It is refused."""
    REPLACE = "replace"
    """That job is aborted, and the new one begins once it is over."""


class Unique(NamedTuple):
    """A key that only one job of its user and task has at a time, until it is over."""

    key: str
    on_conflict: OnConflict = OnConflict.EXISTING

    @property
    def shared(self) -> bool:
        """Whether the answer is the job that has the key, where one has."""
        return self.on_conflict is OnConflict.EXISTING

    @property
    def replaces(self) -> bool:
        """Whether the job that has the key is aborted, where one has."""
        return self.on_conflict is OnConflict.REPLACE


class Cleanup(StrEnum):
    """How far the `on_abort` of a job got that was aborted after it had begun."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCESSFUL = "successful"
    TERMINATED = "terminated"
    ABORTED = "aborted"
    LOST = "lost"
    """Its node died, or could not hold its lease."""
    DRAINED = "drained"
    """Its node stopped."""


class Until(StrEnum):
    """What a client waits for."""

    FINAL = "final"
    """The job's status does not change any more."""
    OVER = "over"
    """Nothing more happens to the job: after an abort, its clean-up has ended, too."""


class Purpose(StrEnum):
    """What a claim is for."""

    RUN = "run"
    """Run the handler."""
    CLEAN = "clean"
    """Run the handler's `on_abort`; the job is `aborted` already."""


class StopReason(StrEnum):
    """Why an attempt was stopped. The first reason counts."""

    ABORT = "abort"
    TIME_LIMIT = "time_limit"
    LEASE_LOST = "lease_lost"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a handler says it is, in its own units."""

    done: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job ended without success, for the person who submitted it."""

    kind: FailureKind
    message: str
    type: str | None = None
    traceback: str | None = None

    @property
    def summary(self) -> str:
        """The message; for an exception, with its type in front."""
        return f"{self.type}: {self.message}" if self.type else self.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """What was found and ended when a job's processes were stopped."""

    signal: str | None
    """The last signal that was needed: `SIGTERM`, `SIGKILL`, or None where nothing ran."""
    processes: int
    """How many processes were ended, the pool process among them."""
    survivors: int
    """How many were still alive when last looked for."""


NOTHING_RAN: Final = Death(signal=None, processes=0, survivors=0)
ENDED_BY_ITSELF: Final = Death(signal=None, processes=1, survivors=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt, as its user sees it."""

    number: int
    node: str | None
    started_at: datetime | None
    finished_at: datetime | None = None
    """None while it runs, as its outcome is."""
    outcome: AttemptOutcome | None = None
    error: Failure | None = None
    """Why it failed, without a traceback."""


ATTEMPTS_KEPT: Final = 20
"""How many attempts of a job are remembered: the last ones. `give_back.sql` has the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What is written of an attempt that began, and after which the job is queued again."""

    outcome: AttemptOutcome
    error: Failure | None = None
    after_s: float | None = None
    """It failed: it is used up, and the next one waits for so long. None: neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupTries:
    """The tries of a clean-up so far; `core.cleanup` says what follows from each."""

    ended: int = 0
    """How many came to an end: not those that a drain or the death of their node cut short."""
    allowed: int | None = None
    """How many there are at most; None until the first has ended."""
    next_at: datetime | None = None
    """Before this time the next one does not begin; None once it waits for a worker."""
    error: Failure | None = None
    """Why the last one failed."""


NOT_TRIED: Final = CleanupTries()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """An abort, from the request on; once `finished_at` is set, the proof of death."""

    requested_at: datetime
    by: str | None = None
    """The name of who asked for it; None in mode `none`."""
    reason: str | None = None
    grace_s: float | None = None
    """The grace period this request asked for; None for the handler's or the node's."""
    finished_at: datetime | None = None
    death: Death | None = None
    cleanup: Cleanup | None = None
    tries: CleanupTries = NOT_TRIED

    @property
    def latency_ms(self) -> int | None:
        """Milliseconds from the request to the verified death; clocks of two nodes may differ."""
        if self.finished_at is None:
            return None
        return max(0, round((self.finished_at - self.requested_at).total_seconds() * 1000))


class Hold(NamedTuple):
    """What a queued job waits for before it may wait for a worker."""

    reason: str
    """A `HoldReason`, or one that only a later version knows."""
    until: datetime | None
    """When it ends by itself; None where it does not."""
    pause: tuple[str, str] | None = None
    """Where the reason is a pause that is known: its kind and name."""
    why: str | None = None
    """The reason that was given for the pause."""
    by: str | None = None
    """The name of who paused."""
    missing: tuple[str, ...] = ()
    """Of what it needs, the labels that no live node has."""


NO_NODE: Final = Hold(HoldReason.NO_NODE, None)
"""No live node has the labels that it needs. That is found where somebody asks, too."""
FOR_QUOTA: Final = Hold("quota", None)
"""Its user runs as many jobs as he may. No job is stored so: it is found where somebody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """When, in which order and how often a job is to run: what its user may choose."""

    priority: int = 0
    """Seconds of head start before the user's other jobs; negative: behind them."""
    run_at: datetime | None = None
    """Not before this time."""
    delay_s: float | None = None
    """Not before so long after it is stored; instead of `run_at`."""
    start_within_s: float | None = None
    """It ends with kind `expired` where it has not begun so long after it might have."""
    max_attempts: int | None = None
    """How many attempts it may use up; None for what its handler says."""
    hook_retries: bool = False
    """Whether its hook is called for each attempt that is followed by another one."""
    needs: tuple[str, ...] = ()
    """The labels that a node must have to run it, in order."""
    ref: str | None = None
    """What other jobs of the same request call it."""
    after: tuple[str, ...] = ()
    """What it waits for: ids of jobs, and refs of earlier jobs of the request behind a `#`."""
    after_if: AfterIf = AfterIf.SUCCESS
    """How these have to end."""
    group: str | None = None
    """A name by which jobs of its user are listed, counted and aborted."""

    @property
    def may_be_held(self) -> bool:
        """Whether it may have to wait for a time, or for other jobs; only the store can tell."""
        return self.run_at is not None or self.delay_s is not None or bool(self.after)


AT_ONCE: Final = Order()
PRIORITY_MAX: Final = 86_400
"""A day; the least is minus that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A job as its user asks for it. What a user may set is a field here, and nowhere else."""

    uid: str
    task: str
    data: JsonText
    hook: str | None
    parent: str | None = None
    """Id of the job that submitted it, as whoever submitted it says; there need be no such job."""

    def submitted(self) -> dict[str, Any]:
        """The fields of the submission alone, by name, to make a new job, a job or a claim of."""
        return {name: getattr(self, name) for name in Submission.__slots__}


class Rerun(NamedTuple):
    """A new job's relation to the one that it runs again."""

    of: str
    """The id of that job."""
    once: bool = False
    """Whether it is stored only where there is no other re-run of that job with `once`."""
    request: str | None = None
    """The key of the request that runs this and other jobs again, if it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest(Submission):
    """A submission with when, and in which order, the job is to run."""

    order: Order = AT_ONCE
    rerun: Rerun | None = None
    came_after: After | None = None
    """Of a re-run: what the job came after that it runs again. It waits for none of these."""
    unique: Unique | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Submission):
    """A job as its user sees it."""

    id: str
    status: Status
    result: JsonText | None
    error: Failure | None
    progress: Progress | None
    attempt: int
    token: int
    """Grows with each claim, also with one that is given back before its attempt begins."""
    node: str | None
    """Name of the node that runs or last ran it."""
    owner: str | None
    """Id of the node that holds it now: only that node may run anything of it."""
    submitted_by: str | None = None
    """The name of who submitted it; None in mode `none`."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    abort: Abort | None
    priority: int = 0
    run_at: datetime | None = None
    """The time that its user chose, whether it has come or not."""
    start_within_s: float | None = None
    eligible_at: datetime | None = None
    """Since when it may run, by the store's clock; None while it is held."""
    hold: Hold | None = None
    """What it waits for before it may wait for a worker; only where it is queued."""
    max_attempts: int | None = None
    hook_retries: bool = False
    past: tuple[AttemptRecord, ...] = ()
    """The last of those attempts after which it was queued again; see `attempts`."""
    revision: int = 0
    """How often all this changed since it was submitted or last claimed."""
    rerun_of: str | None = None
    """The id of the job that it runs again; that one may be deleted by now."""
    needs: tuple[str, ...] = ()
    """The labels that a node must have to run it, and its clean-up."""
    after: After | None = None
    """The jobs for which it waits, or waited."""
    awaited: bool = False
    """Whether other jobs wait for it, or did."""
    successors: tuple[str, ...] | None = None
    """The first of these jobs; None where they were not looked up."""
    group: str | None = None
    schedule: str | None = None
    """The name of its user's schedule that made it; that one may be deleted by now."""
    scheduled_for: datetime | None = None
    """The occurrence of the schedule that it is."""
    unique: Unique | None = None
    replaces: str | None = None
    """The id of the job that must be over before it begins."""
    replaced_by: str | None = None
    """The id of the job that has its unique key now."""

    @property
    def turn_at(self) -> datetime:
        """Of a user's jobs that wait for a worker, the one with the earliest is next."""
        since = self.eligible_at or self.created_at
        return since - timedelta(seconds=self.priority) if self.priority else since

    @property
    def attempts(self) -> tuple[AttemptRecord, ...]:
        """Its last attempts, the one that runs or ended the job among them."""
        if not self.has_begun:
            return self.past
        last = AttemptRecord(
            number=self.attempt,
            node=self.node,
            started_at=self.started_at,
            finished_at=self.finished_at,
            outcome=self.last_outcome,
            error=self.error,
        )
        return (*self.past, last)[-ATTEMPTS_KEPT:]

    @property
    def has_begun(self) -> bool:
        """Whether its last attempt runs, or ended it: what was queued again has not."""
        return self.started_at is not None and self.attempt > 0

    @property
    def last_outcome(self) -> AttemptOutcome | None:
        """How the attempt that ended it did; None where it has not ended."""
        if self.error is not None and self.error.kind is FailureKind.LOST:
            return AttemptOutcome.LOST
        return AttemptOutcome(self.status) if self.status in FINAL else None

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it: it is final, and no clean-up is pending."""
        cleaning = self.abort is not None and self.abort.cleanup is Cleanup.PENDING
        return self.status in FINAL and not cleaning

    def reached(self, until: Until) -> bool:
        """Whether it is as far as somebody waits for."""
        return self.over if until is Until.OVER else self.status in FINAL

    @property
    def cleanup_waits(self) -> bool:
        """Whether its clean-up waits for a worker, and not for the time of its next try."""
        abort = self.abort
        pending = abort is not None and abort.cleanup is Cleanup.PENDING
        return pending and self.owner is None and (abort is None or abort.tries.next_at is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob(Submission):
    """A job about to be stored."""

    id: str
    undoable: bool
    """Whether the handler has an `on_abort`: then an abort leaves a clean-up to do."""
    created_at: datetime
    order: Order = AT_ONCE
    rerun: Rerun | None = None
    after: After | None = None
    """The jobs that it comes after; it waits for them, but not as a re-run."""
    awaited: bool = False
    """Whether a job waits for it that is stored with it."""
    unique: Unique | None = None
    submitted_by: str | None = None
    """The name of who submits it; None in mode `none`."""
    traceparent: str | None = None
    """The trace it was submitted in, in the W3C's format; see `api.requests.tracing`."""
    idempotency_key: str | None = None
    fingerprint: str | None = None
    """Digest of the request that came with the key; the same key with another one is a conflict."""

    @property
    def waits(self) -> bool:
        """Whether it waits for other jobs."""
        return self.after is not None and self.rerun is None

    def stored(
        self,
        *,
        run_at: datetime | None = None,
        eligible_at: datetime | None = None,
        hold: Hold | None = None,
    ) -> Job:
        """The job as it is once it is stored, with the times that the store found for it."""
        return Job(
            **self.submitted(),
            id=self.id,
            status=Status.QUEUED,
            result=None,
            error=None,
            progress=None,
            attempt=0,
            token=0,
            node=None,
            owner=None,
            submitted_by=self.submitted_by,
            created_at=self.created_at,
            started_at=None,
            finished_at=None,
            abort=None,
            priority=self.order.priority,
            run_at=run_at,
            start_within_s=self.order.start_within_s,
            eligible_at=eligible_at,
            hold=hold,
            rerun_of=self.rerun and self.rerun.of,
            max_attempts=self.order.max_attempts,
            hook_retries=self.order.hook_retries,
            needs=self.order.needs,
            after=self.after,
            awaited=self.awaited,
            group=self.order.group,
            unique=self.unique,
        )

    def claimed(self, eligible_at: datetime | None = None) -> Claim:
        """The claim of a job that is stored as claimed."""
        return Claim(
            **self.submitted(),
            id=self.id,
            attempt=1,
            token=1,
            purpose=Purpose.RUN,
            traceparent=self.traceparent,
            eligible_at=eligible_at,
            max_attempts=self.order.max_attempts,
            needs=self.order.needs,
            after=self.after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(Submission):
    """One job, taken by one node for one attempt; what a pool process needs to run it."""

    id: str
    attempt: int
    token: int
    purpose: Purpose
    traceparent: str | None = None
    """The trace in which the job was submitted."""
    cleanup_tries: int = 0
    """How many tries of its clean-up have ended before this one."""
    eligible_at: datetime | None = None
    """Since when the job might have run; None where that is unknown."""
    max_attempts: int | None = None
    """How many attempts the job may use up; None for what its handler says."""
    attempts_used: int = 0
    """How many it has used up before this one."""
    needs: tuple[str, ...] = ()
    """The labels that a node must have to run it."""
    unknown_s: float | None = None
    """For how long no node has known its handler; None where that never was so."""
    after: After | None = None
    """The jobs that it comes after."""
    results: Sequence[Mapping[str, Any]] = ()
    """How these ended, as the handler is told; see `core.dependencies.results`."""
    schedule: str | None = None
    """The name of the schedule that made the job."""
    scheduled_for: datetime | None = None


NOBODY: Final = ""
"""The uid, in the queue, of what counts for no user."""


class WaitingJob(NamedTuple):
    """A job that waits for a worker: queued, or with its clean-up pending."""

    id: str
    uid: str
    turn_ms: int = 0
    """Within its user the least is next: its `turn_at`, in milliseconds since 1970."""
    lane: str = ""
    """The labels that it needs, see `places.labels`; empty where it may run anywhere."""


class LetGo(NamedTuple):
    """Jobs that are not held any more for what held them."""

    waiting: Sequence[WaitingJob] = ()
    """Those that wait for a worker."""
    timed: Sequence[WaitingJob] = ()
    """Those that wait for the time that their user chose."""


class Line(NamedTuple):
    """The jobs of one user that wait for a worker."""

    head: WaitingJob
    """The one that is next."""
    running: int
    """How many of his jobs run, without clean-ups."""
    cleans: bool = False
    """Whether the next one is a clean-up, which no limit holds back."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The handler returned this JSON value."""

    result: JsonText


@dataclass(frozen=True, slots=True)
class Unreturnable:
    """The handler returned something that is not JSON, or is too large."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The handler raised."""

    type: str
    message: str
    traceback: str
    retryable: bool = True
    """Whether the handler is to be run again after it, as long as it may be."""
    after_s: float | None = None
    """After exactly so long; None: after a backoff."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """The pool process died while the handler ran: its exit status, or minus a signal's number.

    None where it is unknown.
    """

    exit_status: int | None
    broke_protocol: bool = False
    """Whether the node killed it, because what it wrote to the node made no sense."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No node knows a handler of this name."""

    loaded_at: datetime
    """When the node that took the job loaded its handlers."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The attempt was stopped, and its processes were ended."""

    reason: StopReason
    death: Death
    limit_s: float | None = None
    """The time limit, where that is the reason."""


Outcome = Returned | Unreturnable | Raised | Crashed | Unknown | Stopped
"""How an attempt ended. `policy.conclude` says what follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What an attempt writes when it ends; the store takes it only while `token` still holds."""

    id: str
    token: int
    status: Status
    at: datetime
    result: JsonText | None = None
    error: Failure | None = None
    progress: Progress | None = None
    death: Death | None = None
    again: Again | None = None
    """Of a job that is queued again: what is to be remembered of the attempt, if it began."""
    unknown_s: float | None = None
    """Of a job whose handler no node knows: how long it is held until one of them looks again."""
    known: bool = False
    """Whether some know it all the same, but do not run such jobs: so long it does not end."""

    @property
    def retried(self) -> bool:
        """Whether the attempt failed, and another one follows after a pause."""
        failed = self.again is not None and self.again.after_s is not None
        return failed and self.status is Status.QUEUED

    @property
    def holds(self) -> bool:
        """Whether the job is queued, and does not wait for a worker yet."""
        return self.retried or (self.unknown_s is not None and self.status is Status.QUEUED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running scheduler, as the store knows it."""

    id: str
    """Distinct for each start of each node."""
    name: str
    version: str
    workers: int
    tasks: tuple[str, ...]
    """Names of the handlers it knows."""
    running: int
    """Jobs it was running when it last renewed its lease."""
    beat: int
    """Grows with each renewal: a node counts as alive while others see it grow."""
    started_at: datetime
    labels: tuple[str, ...] = ()
    """What it has that jobs may need, in order."""
    only: tuple[str, ...] = ()
    """It runs only jobs that need one of these; empty: any for which it has the labels."""
    tzdata: str | None = None
    """The release of the rules of time zones that it knows; None of one that does not say."""
