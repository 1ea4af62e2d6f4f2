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
    unique: Unique | str | None = None
    """A key that only one job of its user and task has at a time; a text: where there is one, that
    is the answer."""


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
    that is up knows its handler and has the labels that it needs; `unique`: the job that it
    replaces is not over."""
    until: datetime | None
    """When that ends by itself; None where it does not."""
    pause: WaitsForPause | None = None
    """Of a paused job, the pause that ends last."""


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
    attempts: Sequence[Attempt] = ()
    """The last 20, with the one that runs; empty where the node is of an earlier version."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLimits:
    """The limits of a user; None: there is no such limit."""

    queued_max: int | None
    """How many jobs may be queued."""
    submits_per_s: float | None
    """How many jobs may be submitted to each node in a second, on average."""
    running_max: int | None = None
    """How many jobs may run; further ones wait."""


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
