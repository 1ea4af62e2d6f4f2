"""The values that the clients take and return; `reading` makes them from JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Final, Literal


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESSFUL = "successful"
    TERMINATED = "terminated"
    ABORTED = "aborted"


FINAL: Final = frozenset({Status.SUCCESSFUL, Status.TERMINATED, Status.ABORTED})
"""The statuses that never change again."""


class FailureKind(StrEnum):
    """Why a job ended `terminated`."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    CRASH = "crash"
    RESULT = "result"
    LOST = "lost"
    UNKNOWN_TASK = "unknown_task"
    EXPIRED = "expired"


class AfterIf(StrEnum):
    """How the jobs that a job waits for have to end."""

    SUCCESS = "success"
    END = "end"


class Cleanup(StrEnum):
    """How far the `on_abort` of a job got that was aborted after it had begun."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class CleanupState(StrEnum):
    """What the `on_abort` of an aborted job does now; `done` and `failed` are for good."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


Until = Literal["final", "over"]
"""What to wait for: a final status, or that the clean-up after an abort has ended, too."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a handler says it is, in its own units."""

    done: float
    total: float | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a job ended without success."""

    kind: FailureKind
    message: str
    type: str | None = None
    """The class of the exception, where one was raised."""
    traceback: str | None = None

    @property
    def summary(self) -> str:
        """The message; for an exception, with its type in front."""
        return f"{self.type}: {self.message}" if self.type else self.message


class OnConflict(StrEnum):
    """What becomes of a submission whose unique key another job has."""

    EXISTING = "existing"
    """It is answered with that job."""
    REJECT = "reject"
    """It is refused: `UniqueKeyTaken`."""
    REPLACE = "replace"
    """That job is aborted, and the new one begins once it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unique:
    """A key that only one job of its user and task has at a time, until it is over."""

    key: str
    on_conflict: OnConflict = OnConflict.EXISTING


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to submit."""

    uid: str
    task: str
    data: Any = None
    """Any JSON value."""
    hook: str | None = None
    """An http(s) URL that is called once the job has ended, and when its handler notifies."""
    parent: str | None = None
    """Id of the job that submits it; None for the job that runs here, if one does."""
    priority: int = 0
    """Seconds of head start before the user's other jobs; negative: behind them."""
    run_at: datetime | None = None
    """The time before which it does not begin, with its offset."""
    delay: timedelta | float | None = None
    """How long it does not begin (a float: seconds), instead of `run_at`."""
    start_within: timedelta | float | None = None
    """How soon it has to begin once it may (a float: seconds); else it ends with kind `expired`."""
    max_attempts: int | None = None
    """How many attempts it may use up; None for what its handler says."""
    hook_retries: bool = False
    """Whether the hook is called for each attempt that is followed by another one."""
    needs: Collection[str] = ()
    """Labels that a node must have to run it, beside those that its handler needs."""
    ref: str | None = None
    """What jobs behind it, submitted in the same call, call it in their `after`."""
    after: Sequence[str] = ()
    """The jobs that it waits for: ids, and refs of jobs before it in the same call behind a `#`."""
    after_if: AfterIf | str = "success"
    """How these have to end: `success` (else it is aborted), or `end`, anyhow."""
    group: str | None = None
    """A name by which its user's jobs are listed, counted and aborted together."""
    unique: Unique | str | None = None
    """A key that only one job of its user and task has at a time; a text: where there is one, that
    is the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """A job that has to be over before another one begins."""

    id: str
    ref: str | None
    """What the call that submitted both called it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """How far a group of a user's jobs is."""

    uid: str
    group: str
    jobs: int
    """How many there are."""
    ended: int
    """How many of them are final."""
    is_exact: bool
    """False: there are more, uncounted."""
    counts: Mapping[Status, int]
    """How many have each status."""
    held: int
    """How many of the queued ones wait for something else than a worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitsForPause:
    """The pause that a job waits for."""

    kind: PauseKind
    name: str
    reason: str | None
    by: str | None
    """The name of who paused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What a queued job waits for before it may wait for a worker."""

    reason: str
    """`run_at`: its time has not come; `retry`: its next attempt comes after a pause; `paused`: its
    handler or its user is paused; `quota`: its user runs as many jobs as he may; `no_node`: no node
    that is up knows its handler and has the labels that it needs; `limit`: as many jobs of its
    handler run as may; `throttle`: as many have begun as may for now; `after`:
    jobs that it comes after are not over; `overlap`: earlier jobs of its schedule are not over;
    `replace`: nor are those that it replaces; `unique`: nor is the one whose key it took."""
    until: datetime | None
    """When that ends by itself; None where it does not. For `throttle`: not before this time."""
    pause: WaitsForPause | None = None
    """Of a paused job, the pause that ends last."""
    missing: tuple[str, ...] = ()
    """For `no_node`: the labels that it needs and no node that is up has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause: no new attempt begins of what it names."""

    kind: PauseKind
    name: str
    reason: str | None
    until: datetime | None
    """When it ends by itself; None where it does not."""
    paused_at: datetime
    by: str | None
    """The name of who asked for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule to set: it makes a job at each of its times."""

    uid: str
    name: str
    task: str
    data: Any = None
    """Any JSON value."""
    hook: str | None = None
    cron: str | None = None
    """A cron expression of five fields, or `@daily` and its like; or else `every`."""
    every: timedelta | float | None = None
    """From one time to the next (a float: seconds), counted from 1970 on."""
    phase: timedelta | float = 0.0
    """By how much these times are shifted (a float: seconds)."""
    timezone: str = "UTC"
    """Whose clocks `cron` means."""
    start_at: datetime | None = None
    end_at: datetime | None = None
    jitter: timedelta | float = 0.0
    """By how much its jobs are late at most (a float: seconds)."""
    misfire: str = "once"
    """`skip`, `once` or `all`: which times are made up for that no node was there for."""
    catchup: timedelta | float = 3600.0
    """For how long (a float: seconds)."""
    overlap: str = "skip"
    """`skip`, `queue_one`, `allow` or `replace`: what becomes of a time while an earlier job is not
    over."""
    paused: bool = False
    note: str | None = None
    pause_after_failures: int | None = None
    """It is paused once so many of its jobs in a row have failed; None: never."""
    remaining: int | None = None
    """How many jobs it still makes; None: any number."""
    priority: int = 0
    max_attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """What became of a time of a schedule, or of several that were missed together."""

    scheduled_for: datetime
    at: datetime
    """When this was decided."""
    job: str | None
    """Id of the job that it became; None: it was skipped."""
    status: Status | None
    skipped: str | None
    """Why: `missed`, `overlap`, `paused` or `quota`."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule."""

    uid: str
    name: str
    task: str
    data: Any
    hook: str | None
    cron: str | None
    every_s: int | None
    timezone: str
    start_at: datetime | None
    end_at: datetime | None
    jitter_s: float
    misfire: str
    catchup_s: float
    overlap: str
    paused: bool
    note: str | None
    priority: int
    max_attempts: int | None
    set_by: str | None
    """The name of who set it last."""
    created_at: datetime
    changed_at: datetime
    next: Sequence[datetime]
    """The next five; none while it is paused."""
    recent: Sequence[Occurrence]
    """The last ten, newest first; none in lists."""
    phase_s: int = 0
    """By how many seconds its times are shifted, where it has `every_s`."""
    pause_after_failures: int | None = None
    """It is paused once so many of its jobs in a row have failed; None: never."""
    remaining: int | None = None
    """How many jobs it still makes; None: any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedSchedule(Schedule):
    """A schedule as it was when it was deleted."""

    aborts: Aborts | None = None
    """How many of its jobs were aborted; None where they go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """When a schedule would make its next jobs."""

    next: Sequence[datetime]
    local: Sequence[datetime]
    """The same, with the offsets of the zone."""
    explained: str
    notes: Sequence[str]
    """What is easily mistaken about it."""
    timezone: str
    tzdata: str
    """The release of the rules of time zones."""


class AttemptOutcome(StrEnum):
    """How an attempt ended."""

    SUCCESSFUL = "successful"
    TERMINATED = "terminated"
    ABORTED = "aborted"
    LOST = "lost"
    """Its node died."""
    DRAINED = "drained"
    """Its node stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt at a job."""

    number: int
    node: str | None
    started_at: datetime | None
    finished_at: datetime | None
    """None while it runs."""
    outcome: AttemptOutcome | None
    """None while it runs."""
    error: Failure | None
    """Why it failed; the job's log has the traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnAbort:
    """How far the handler's `on_abort` is, which undoes what an aborted job did."""

    state: CleanupState
    tries: int
    """How many tries have ended."""
    tries_max: int | None
    """How many there are at most; None before the first has ended."""
    next_try_at: datetime | None
    """Before this time no next try begins; None while one waits for a worker or runs."""
    error: Failure | None
    """Why the last try failed; the job's log has the traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """An abort, from its request; once `finished_at` is set, the proof of death."""

    requested_at: datetime
    reason: str | None
    finished_at: datetime | None
    latency_ms: int | None
    """From the request to the verified death."""
    signal: str | None
    """The last signal that was needed; None if nothing ran."""
    processes: int | None
    """How many processes were ended."""
    survivors: int | None
    """How many processes were still alive at the last check."""
    cleanup: Cleanup | None
    on_abort: OnAbort | None = None
    """None where there is nothing to undo, or the node is of an earlier version."""
    by: str | None = None
    """The name of who asked; None where nobody is asked for a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job without its data and result, as events carry it."""

    id: str
    uid: str
    status: Status
    task: str
    hook: str | None
    parent: str | None
    """Id of the job that submitted it."""
    error: Failure | None
    progress: Progress | None
    attempt: int
    """The number of the attempt; 0 before the first."""
    node: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    abort: Abort | None
    submitted_by: str | None = None
    """The name of who submitted it; None where nobody is asked for a token."""
    priority: int = 0
    """Seconds of head start before the user's other jobs."""
    run_at: datetime | None = None
    """The time before which it does not begin, as was asked."""
    start_within_s: float | None = None
    eligible_at: datetime | None = None
    """Since when it may run; None while it may not, or where the node is of an earlier version."""
    waits: Waits | None = None
    """None where it waits for a worker, or is not queued."""
    rerun_of: str | None = None
    """Id of the job that it runs again; that one may be deleted by now."""
    max_attempts: int | None = None
    """How many attempts it may use up; None for what its handler says."""
    hook_retries: bool = False
    needs: Sequence[str] = ()
    """The labels that a node must have to run it, with those of its handler."""
    unique: Unique | None = None
    replaces: str | None = None
    """Id of the job that must be over before it begins."""
    replaced_by: str | None = None
    """Id of the job that has its unique key since."""
    schedule: str | None = None
    """The name of the schedule that made it; that one may be deleted by now."""
    scheduled_for: datetime | None = None
    """The time of the schedule for which it was made."""
    attempts: Sequence[Attempt] = ()
    """The last 20, with the one that runs; empty where the node is of an earlier version."""
    after: Sequence[Predecessor] = ()
    """The jobs that it waits, or waited, for."""
    after_if: AfterIf | None = None
    """How these have to end; None where there are none."""
    successors: Sequence[str] | None = None
    """Ids of the first jobs that wait, or waited, for it; None in lists, and for none."""
    group: str | None = None

    @property
    def final(self) -> bool:
        """Whether the status will not change any more."""
        return self.status in FINAL

    @property
    def over(self) -> bool:
        """Whether nothing more happens to it: it is final, and no clean-up is pending."""
        return self.final and (self.abort is None or self.abort.cleanup is not Cleanup.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobState):
    """A job."""

    data: Any
    result: Any
    deduplicated: bool = False
    """Whether a submission was answered with it, since it has the same unique key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborts:
    """How many jobs `abort_all` aborted, and how many are being stopped."""

    aborted: int
    aborting: int


class Kept(Enum):
    """What a re-run takes over from the job that it runs again."""

    KEPT = "kept"


KEPT: Final = Kept.KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunOf:
    """A job that was run again, or would be."""

    rerun_of: str
    """Its id."""
    uid: str
    id: str | None
    """Id of the new job; None in a dry run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reruns:
    """The jobs that `rerun_all` ran again, or would, oldest first."""

    jobs: Sequence[RerunOf]
    more: bool
    """Whether further jobs match: the same call again goes on with those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a job printed."""

    at: datetime
    stream: str
    """`stdout`, `stderr`, or `notice` for a line of the scheduler itself."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetry:
    """After which failures jobs of a handler are tried again, how often, and after how long."""

    max_attempts: int
    backoff_s: float
    """The longest pause after the first failure."""
    backoff_max_s: float
    """The longest pause after any failure."""
    on: Sequence[str]
    """Kinds of failure, and classes of exceptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLimit:
    """How many jobs of a handler run at once, for each key."""

    jobs_max: int
    by: Sequence[str]
    """What makes the key: `task`, `uid`, JSON pointers into the data of a job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskThrottle:
    """How many jobs of a handler begin within a time, for each key."""

    jobs_max: int
    per_s: float
    burst: int
    """How many may begin at once."""
    by: Sequence[str]
    """What makes the key, as in a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A handler that jobs can be submitted to."""

    name: str
    doc: str | None
    timeout_s: float | None
    grace_s: float | None
    memory_bytes: int | None
    """The memory limit of each process of a job; None for no limit."""
    on_abort: bool
    loaded_at: datetime
    """When the node loaded its handlers."""
    retry: TaskRetry | None = None
    """None where its jobs are not tried again, or the node is of an earlier version."""
    needs: Sequence[str] = ()
    """The labels that a node must have to run its jobs."""
    limit: Sequence[TaskLimit] = ()
    throttle: TaskThrottle | None = None


class PauseKind(StrEnum):
    """What a pause names."""

    TASK = "task"
    UID = "uid"
    NODE = "node"


class Role(StrEnum):
    """What a token lets its bearer do, from the least to the most."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    uids: Sequence[str]
    """Uids, beginnings of uids with `*` at their end, or `*`."""
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeToken(Token):
    """A token that was just made."""

    token: str
    """What its bearer sends; nobody else has it."""

    def __repr__(self) -> str:
        return f"MadeToken(id={self.id!r}, name={self.name!r}, role={self.role!r}, token=…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Something that somebody did."""

    id: str
    at: datetime
    action: str
    """`abort`, `submit` (for others), `login`, `create_token` and so on."""
    actor: str | None
    """The name of the token, or the user of the proxy; None: nobody is known."""
    actor_kind: str | None
    """`token`, `session` (of a browser), `job`, or `user` (of the proxy): names are not unique."""
    token_id: str | None
    role: Role | None
    client: str | None
    """The IP address that was asked from."""
    uid: str | None
    """The user whose jobs it is about."""
    target: str | None
    """The id of the job or token; None where it is about several, or none."""
    count: int
    """How many jobs, or failed logins."""
    detail: Mapping[str, Any]
    """What else there is to say: a reason, a filter, a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A live node."""

    name: str
    id: str
    version: str
    workers: int
    running: int
    tasks: Sequence[str]
    started_at: datetime
    paused: Pause | None = None
    """Its pause; None where it takes jobs."""
    labels: Sequence[str] = ()
    """What jobs may need."""
    only: Sequence[str] = ()
    """It takes only jobs that need one of these; empty: all."""
    tzdata: str | None = None
    """The release of the rules of time zones that it knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """The limits of a user; None: there is no such limit."""

    queued_max: int | None
    """How many jobs may be queued."""
    submits_per_s: float | None
    """How many jobs may be submitted to each node in a second, on average."""
    running_max: int | None = None
    """How many jobs may run; further ones wait."""
    schedules_max: int | None = None
    """How many schedules there may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a user uses, and its limits."""

    uid: str
    queued: int
    queued_is_exact: bool
    """False: there are more, which the node has not counted."""
    running: int
    pattern: str | None
    """The pattern in `[quotas]` that fits best; None: none fits."""
    limits: UserLimits | None
    """None where no pattern fits."""
    weight: float = 1.0
    """How much the user gets where others wait, too: twice as much with 2 as with 1."""
    schedules: int = 0
    """How many schedules there are, counted up to ten thousand."""
