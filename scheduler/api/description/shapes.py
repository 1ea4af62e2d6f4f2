"""The JSON of responses, for the OpenAPI document.

`scheduler.service.documents` writes this JSON; tests compare it with these models. The docstrings
and descriptions here are part of the document.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from scheduler.core.access.audit import Action
from scheduler.core.access.principal import ActorKind, Role
from scheduler.core.dependencies.declaration import PREDECESSORS_MAX, AfterIf
from scheduler.core.job import AttemptOutcome, Cleanup, FailureKind, OnConflict, Status
from scheduler.core.pause import PauseKind
from scheduler.core.schedules.schedule import Misfire, Overlap, SkipReason
from scheduler.core.webhook import CallStatus, Event
from scheduler.service.lookup import SUCCESSORS_SHOWN_MAX

Instant = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
            "description": "RFC 3339, UTC, milliseconds",
        }
    ),
]
Id = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid", "description": "a UUIDv7"})]


class Shape(BaseModel):
    """An object in an answer: all of these keys, and no others."""

    model_config = ConfigDict(extra="forbid")


class Error(Shape):
    """Why a job ended `terminated`."""

    kind: FailureKind
    type: str | None
    message: str
    traceback: str | None


class Progress(Shape):
    """How far the handler says it is, in units of its own."""

    done: float
    total: float | None
    message: str | None


class CleanupError(Shape):
    """Why a try of an `on_abort` failed; the job's log has the traceback."""

    kind: FailureKind
    type: str | None
    message: Annotated[str, Field(description="cut to 500 characters")]


class OnAbort(Shape):
    """How far the handler's `on_abort` is, which undoes what the job did."""

    state: Annotated[
        Literal["pending", "running", "done", "failed"],
        Field(description="done and failed are for good; pending waits for a worker or a time"),
    ]
    tries: Annotated[int, Field(description="how many tries have ended")]
    tries_max: Annotated[
        int | None, Field(description="how many there are at most; null before the first has ended")
    ]
    next_try_at: Annotated[
        Instant | None,
        Field(description="no next try begins before; null while one waits for a worker or runs"),
    ]
    error: Annotated[CleanupError | None, Field(description="why the last try failed")]


class Abort(Shape):
    """An abort, from the moment it is requested; once it is finished, the proof of death."""

    requested_at: Instant
    by: Annotated[
        str | None, Field(description="who asked; null where nobody is asked for a token")
    ]
    reason: str | None
    finished_at: Instant | None
    latency_ms: Annotated[
        int | None, Field(description="milliseconds from the request to the verified death")
    ]
    signal: Annotated[str | None, Field(description="the last one needed; null if nothing ran")]
    processes: Annotated[int | None, Field(description="how many were ended")]
    survivors: Annotated[int | None, Field(description="how many were still alive at last")]
    cleanup: Annotated[
        Cleanup | None, Field(description="pending until the last try of `on_abort` has ended")
    ]
    on_abort: Annotated[OnAbort | None, Field(description="null where there is nothing to undo")]


class WaitsForPause(Shape):
    """The pause that a job waits for."""

    kind: Annotated[Literal["task", "uid"], Field(description="what is paused")]
    name: str
    reason: Annotated[str | None, Field(description="why")]
    by: Annotated[str | None, Field(description="who paused; null without `[auth]`")]


class Waits(Shape):
    """What a queued job waits for before it may wait for a worker."""

    for_: Annotated[
        str,
        Field(
            alias="for",
            description="`run_at`: its time has not come; `retry`: an attempt failed, and the next "
            "one comes after a pause; `paused`: its handler or its user is paused; `quota`: its "
            "user runs as many jobs as he may; `no_node`: no live node knows its handler and has "
            "the labels that it needs; `limit`: as many jobs of its handler run as may; "
            "`throttle`: as many of them have begun as may for now; "
            "`after`: jobs that it comes after are not over; "
            "`overlap`: earlier jobs of its schedule are not over; "
            "`replace`: nor are those of its schedule that it replaces; "
            "`unique`: the job that it replaces is not over; further ones may follow",
        ),
    ]
    until: Annotated[
        Instant | None,
        Field(
            description="when that ends by itself; null where it does not. For `throttle`, a time "
            "before which it does not begin"
        ),
    ]
    pause: Annotated[
        WaitsForPause | None, Field(description="of a paused job, the pause that ends last")
    ] = None
    missing: Annotated[
        list[str] | None,
        Field(
            description="for `no_node`, the labels that it needs and no live node has; none where "
            "each is there, but no node has all of them and knows its handler",
        ),
    ] = None


class Pause(Shape):
    """A pause: no new attempt begins of what it names."""

    kind: PauseKind
    name: Annotated[str, Field(description="the name of a handler, a user or a node")]
    reason: str | None
    until: Annotated[Instant | None, Field(description="when it ends by itself; null: never")]
    paused_at: Annotated[Instant, Field(description="since when, by the store's clock")]
    by: Annotated[str | None, Field(description="who asked for it; null without `[auth]`")]


class Occurrence(Shape):
    """What became of an occurrence of a schedule, or of several that were missed together."""

    scheduled_for: Annotated[Instant, Field(description="of several, the last one")]
    at: Annotated[Instant, Field(description="when this was decided")]
    job: Annotated[Id | None, Field(description="the job that it became; null: it was skipped")]
    status: Annotated[
        Status | None, Field(description="of the job; null where it is skipped, or deleted by now")
    ]
    skipped: Annotated[
        SkipReason | None,
        Field(
            description="`missed`: no node was there in time; `overlap`: an earlier job was not "
            "over; `paused`: its handler or user was; `quota`: its user had too many queued jobs"
        ),
    ]
    count: Annotated[int, Field(description="of how many it tells; up to 1,000 are counted")]


class Schedule(Shape):
    """A schedule, which makes jobs at set times."""

    uid: str
    name: str
    task: str
    data: Annotated[Any, Field(description="of each of its jobs")]
    hook: str | None
    cron: Annotated[str | None, Field(description="null where it has `every_s`")]
    every_s: Annotated[int | None, Field(description="null where it has `cron`")]
    phase_s: Annotated[int, Field(description="seconds by which its times are shifted")]
    timezone: Annotated[str, Field(description="the zone whose clocks `cron` means")]
    start_at: Instant | None
    end_at: Instant | None
    jitter_s: float
    misfire: Misfire
    catchup_s: float
    overlap: Overlap
    paused: bool
    note: str | None
    pause_after_failures: Annotated[
        int | None, Field(description="failures in a row that pause it; null: none do")
    ]
    remaining: Annotated[
        int | None, Field(description="how many jobs it still makes; null: any number")
    ]
    priority: int
    max_attempts: int | None
    set_by: Annotated[str | None, Field(description="who set it last; null without `[auth]`")]
    created_at: Instant
    changed_at: Instant
    next: Annotated[
        list[Instant],
        Field(description="its next 5 occurrences; none while it is paused", max_length=5),
    ]
    recent: Annotated[
        list[Occurrence],
        Field(description="its last 10 occurrences, newest first; none in lists", max_length=10),
    ]


class Aborts(Shape):
    """What aborting all that match came to."""

    aborted: Annotated[int, Field(description="how many are aborted")]
    aborting: Annotated[int, Field(description="how many are being stopped")]


class DeletedSchedule(Schedule):
    """A schedule as it was, and what became of its jobs."""

    aborts: Annotated[Aborts | None, Field(description="null without `abort`: then its jobs go on")]


class Preview(Shape):
    """When a schedule would have its next occurrences."""

    next: list[Instant]
    local: Annotated[
        list[str],
        Field(description="the same on the clocks of the zone, each with its offset"),
    ]
    explained: Annotated[str, Field(description="what it means, in a sentence")]
    notes: Annotated[list[str], Field(description="what is easily mistaken about it")]
    timezone: str
    tzdata: Annotated[str, Field(description="the release of the rules of time zones")]


class Attempt(Shape):
    """An attempt at a job."""

    number: Annotated[int, Field(description="from 1")]
    node: str | None
    started_at: Instant | None
    finished_at: Annotated[Instant | None, Field(description="null while it runs")]
    outcome: Annotated[
        AttemptOutcome | None,
        Field(
            description="null while it runs; `lost`: its node died, `drained`: its node stopped; "
            "neither uses an attempt up"
        ),
    ]
    error: Annotated[
        Error | None,
        Field(
            description="its message is cut to 1,000 characters; the job's log has the traceback"
        ),
    ]


class Predecessor(Shape):
    """A job that has to be over before another one begins."""

    id: Id
    ref: Annotated[str | None, Field(description="what the request of both called it")]


class Unique(Shape):
    """A key that only one job of its user and task has at a time."""

    key: str
    on_conflict: Annotated[
        OnConflict, Field(description="what became of the submission where another job had it")
    ]


class JobOutline(Shape):
    """A job without its data and result."""

    id: Id
    uid: str
    status: Status
    task: str
    hook: str | None
    parent: Annotated[Id | None, Field(description="the job that submitted it")]
    error: Error | None
    progress: Progress | None
    attempt: Annotated[int, Field(description="0 before the first")]
    node: Annotated[str | None, Field(description="the node that runs or last ran it")]
    submitted_by: Annotated[
        str | None,
        Field(description="who submitted it; null without `[auth]`"),
    ]
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    abort: Abort | None
    priority: Annotated[
        int, Field(description="seconds of head start before the user's other jobs")
    ]
    run_at: Annotated[
        Instant | None, Field(description="the time before which it does not begin, as was asked")
    ]
    start_within_s: Annotated[
        float | None,
        Field(description="where it has not begun so long after `eligible_at`, it ends `expired`"),
    ]
    eligible_at: Annotated[
        Instant | None,
        Field(description="since when it may run, by the store's clock; null while it may not"),
    ]
    waits: Annotated[
        Waits | None, Field(description="null where it waits for a worker, or is not queued")
    ]
    rerun_of: Annotated[
        Id | None, Field(description="the job that it runs again, which may be deleted by now")
    ]
    max_attempts: Annotated[
        int | None,
        Field(description="how many attempts it may use up; null: its handler says how many"),
    ]
    hook_retries: Annotated[
        bool,
        Field(description="whether its hook is called when it is tried again"),
    ]
    needs: Annotated[
        list[str],
        Field(description="the labels that a node must have to run it, with those of its handler"),
    ]
    unique: Annotated[Unique | None, Field(description="its key, until it is over or replaced")]
    replaces: Annotated[Id | None, Field(description="the job that must be over before it begins")]
    replaced_by: Annotated[Id | None, Field(description="the job that has its key since")]
    schedule: Annotated[
        str | None,
        Field(description="the user's schedule that made it, which may be deleted by now"),
    ]
    scheduled_for: Annotated[
        Instant | None, Field(description="the occurrence of the schedule that it is")
    ]
    attempts: Annotated[
        list[Attempt], Field(description="the last 20, with the one that runs", max_length=20)
    ]
    after: Annotated[
        list[Predecessor],
        Field(description="the jobs that it waits, or waited, for", max_length=PREDECESSORS_MAX),
    ]
    after_if: Annotated[
        AfterIf | None, Field(description="how these have to end; null where there are none")
    ]
    successors: Annotated[
        list[Id] | None,
        Field(
            description="the first jobs that wait, or waited, for it: only in the answer about one "
            "job; null where no job ever did",
            max_length=SUCCESSORS_SHOWN_MAX,
        ),
    ]
    group: Annotated[
        str | None, Field(description="the name by which it is listed, counted and aborted")
    ]


class Job(JobOutline):
    """A job."""

    data: Annotated[Any, Field(description="what was submitted")]
    result: Annotated[Any, Field(description="what the handler returned")]
    deduplicated: Annotated[
        bool,
        Field(description="in the answer to a submission: true where it was there already"),
    ] = False


class HookCall(Shape):
    """A call of a job's hook."""

    id: Annotated[str, Field(description="the `webhook-id` of the call, the same in each try")]
    event: Event
    status: CallStatus
    tries: Annotated[int, Field(description="how often it was tried, or begun to be")]
    answer: Annotated[
        str | None,
        Field(description="what came of the last try: an HTTP status, or why there was none"),
    ]
    created_at: Instant
    due_at: Annotated[Instant | None, Field(description="when it is tried next at the latest")]


class GroupCounts(Shape):
    """How many jobs have each status."""

    queued: int
    running: int
    successful: int
    terminated: int
    aborted: int


class Group(Shape):
    """How far a group of a user's jobs is."""

    uid: str
    group: str
    jobs: Annotated[int, Field(description="how many there are")]
    ended: Annotated[int, Field(description="how many of them are final")]
    is_exact: Annotated[bool, Field(description="false: there are more of a status, uncounted")]
    counts: GroupCounts
    held: Annotated[
        int, Field(description="how many of the queued ones wait for something else than a worker")
    ]


class RerunOf(Shape):
    """A job that is run again."""

    rerun_of: Annotated[Id, Field(description="the job that was over")]
    uid: str
    id: Annotated[Id | None, Field(description="the new job; null in a dry run")]


class Reruns(Shape):
    """The jobs that a request ran again, or would."""

    count: Annotated[int, Field(description="how many")]
    jobs: Annotated[
        list[RerunOf], Field(description="in the order in which they were submitted at first")
    ]
    more: Annotated[bool, Field(description="whether further jobs match: ask again for those")]


class UserLimits(Shape):
    """The limits of a user; null: there is no such limit."""

    queued_max: Annotated[int | None, Field(description="how many jobs may be queued")]
    submits_per_s: Annotated[
        float | None,
        Field(description="how many jobs may be submitted to each node in a second, on average"),
    ]
    running_max: Annotated[
        int | None, Field(description="how many jobs may run; further ones wait, for `quota`")
    ]
    schedules_max: Annotated[int | None, Field(description="how many schedules there may be")]


class Usage(Shape):
    """What a user uses, and its limits."""

    uid: str
    queued: Annotated[int, Field(description="how many jobs are queued")]
    queued_is_exact: Annotated[bool, Field(description="false: there are more, uncounted")]
    running: Annotated[int, Field(description="how many jobs run")]
    schedules: Annotated[int, Field(description="how many schedules there are, up to 10,000")]
    pattern: Annotated[
        str | None, Field(description="the pattern in `[quotas]` that fits best; null: none fits")
    ]
    limits: Annotated[UserLimits | None, Field(description="null where no pattern fits")]
    weight: Annotated[
        float, Field(description="how much the user gets where others wait, too; 1 by default")
    ]


class Health(Shape):
    """The process lives."""

    status: Literal["ok"]


class Ready(Shape):
    """The node takes work."""

    status: Literal["ready"]
    paused: Annotated[bool, Field(description="whether it takes no new jobs meanwhile")]


class TaskRetry(Shape):
    """After which failures a job is tried again, how often, and after how long."""

    max_attempts: Annotated[int, Field(description="how many attempts a job may use up")]
    backoff_s: Annotated[float, Field(description="the longest pause after the first failure")]
    backoff_max_s: Annotated[float, Field(description="the longest pause after any failure")]
    on: Annotated[list[str], Field(description="kinds of failure, and classes of exceptions")]


class TaskLimit(Shape):
    """How many jobs of a handler run at once, for each key."""

    jobs_max: Annotated[int, Field(description="how many")]
    by: Annotated[
        list[str],
        Field(description="what makes the key: `task`, `uid`, JSON pointers into a job's `data`"),
    ]


class TaskThrottle(Shape):
    """How many jobs of a handler begin within a time, for each key."""

    jobs_max: Annotated[int, Field(description="how many")]
    per_s: Annotated[float, Field(description="within how many seconds")]
    burst: Annotated[int, Field(description="how many may begin at once")]
    by: Annotated[list[str], Field(description="what makes the key, as in `limit`")]


class Task(Shape):
    """A handler."""

    name: Annotated[str, Field(description="what a job's `task` says")]
    doc: Annotated[str | None, Field(description="first line of its docstring")]
    timeout_s: Annotated[float | None, Field(description="time limit of one attempt")]
    grace_s: Annotated[float | None, Field(description="between SIGTERM and SIGKILL")]
    memory_bytes: Annotated[int | None, Field(description="memory of each process of a job")]
    on_abort: Annotated[bool, Field(description="whether it undoes what an aborted job did")]
    retry: Annotated[TaskRetry | None, Field(description="null: its jobs are not tried again")]
    needs: Annotated[
        list[str], Field(description="the labels that a node must have to run its jobs")
    ]
    limit: Annotated[list[TaskLimit], Field(description="empty: any number runs at once")]
    throttle: Annotated[TaskThrottle | None, Field(description="null: they begin at any time")]
    loaded_at: Annotated[Instant, Field(description="when this node loaded its handlers")]


class Node(Shape):
    """A running scheduler."""

    name: str
    id: str
    version: str
    workers: int
    running: Annotated[int, Field(description="jobs it was running at its last heartbeat")]
    tasks: list[str]
    started_at: Instant
    tzdata: Annotated[
        str | None, Field(description="the release of the rules of time zones that it knows")
    ]
    paused: Annotated[Pause | None, Field(description="null where it takes jobs")]
    labels: Annotated[list[str], Field(description="what jobs may need")]
    only: Annotated[
        list[str], Field(description="it takes only jobs that need one of these; empty: all")
    ]


class Token(Shape):
    """A token, without its secret."""

    id: str
    name: str
    role: Role
    uids: Annotated[list[str], Field(description="the users it acts for; `*` at an end: all such")]
    created_at: Instant
    created_by: Annotated[str | None, Field(description="the token that made it")]
    expires_at: Instant | None
    used_at: Annotated[Instant | None, Field(description="its last use, to the minute")]
    revoked_at: Instant | None


class MadeToken(Token):
    """A token that was just made."""

    token: Annotated[str, Field(description="what its bearer sends; it is shown only now")]


class AuditRecord(Shape):
    """Something that somebody did."""

    id: str
    at: Instant
    action: Annotated[
        str, Field(description=f"one of {', '.join(Action)}, or one of a later version")
    ]
    actor: Annotated[
        str | None,
        Field(description="the name of the token, or the user of the proxy; null: nobody is known"),
    ]
    actor_kind: Annotated[
        ActorKind | None,
        Field(description="what the actor is: names are not unique, and users may share them"),
    ]
    token_id: Annotated[str | None, Field(description="the token that was used")]
    role: Annotated[Role | None, Field(description="the role of who did it")]
    client: Annotated[str | None, Field(description="the IP address that was asked from")]
    uid: Annotated[str | None, Field(description="the user whose jobs it is about")]
    target: Annotated[
        str | None,
        Field(
            description="the id of the job or token, or what is paused; null where it is about "
            "several, or none"
        ),
    ]
    count: Annotated[int, Field(description="how many jobs, or failed logins")]
    detail: Annotated[
        dict[str, Any], Field(description="what else there is to say: a reason, a filter, a name")
    ]


class LoggedIn(Shape):
    """The browser has a session."""

    status: Literal["logged in"]


class LoggedOut(Shape):
    """The browser has no session any more."""

    status: Literal["logged out"]


class Flaw(Shape):
    """One thing that is wrong with a request."""

    pointer: Annotated[
        str, Field(description="a JSON pointer into the body, or a parameter's name")
    ]
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457); may have further members."""

    type: str
    title: str
    status: int
    detail: str


class Refusal(Problem):
    """What is wrong with the request, place by place."""

    errors: list[Flaw]


class Violation(Shape):
    """One limit that a request exceeds."""

    policy: Annotated[
        Literal["queued", "submit", "schedules"],
        Field(
            description="queued: `queued_max`; submit: `submits_per_s`; schedules: `schedules_max`"
        ),
    ]
    uid: Annotated[str, Field(description="whose limit it is")]
    limit: Annotated[
        int, Field(description="how many jobs, or schedules, it allows; of submit: at once")
    ]
    used: Annotated[int, Field(description="how much of it is used")]


class Exceeded(Problem):
    """The quotas that a request exceeds."""

    violated_policies: Annotated[list[str], Field(alias="violated-policies")]
    violations: list[Violation]


class Ended(Problem):
    """The job that ended before it could be aborted."""

    job: Job


class NotQueued(Problem):
    """The job that is not queued any more."""

    job: Job


class NotOver(Problem):
    """The job that is to be run again is not over."""

    job: Job


class UniqueTaken(Problem):
    """Another job has the unique key."""

    job: Job


class Obstacles(Problem):
    """What keeps the node from taking work."""

    reasons: Annotated[dict[str, str], Field(description="by what it is: store, queue, draining")]
