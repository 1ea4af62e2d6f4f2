"""The calls of the API: each a request, and how its response is read. No I/O; for both clients.

Each call may be repeated after its response was lost: a submission carries an idempotency key, and
aborting an aborted job gives the same response again. So a client that loses its connection simply
retries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from atlanscheduler_client.address import running_job, segment
from atlanscheduler_client.json_text import dumps
from atlanscheduler_client.reading import (
    aborts_of,
    audit_record_of,
    deleted_schedule_of,
    group_of,
    job_of,
    made_token_of,
    node_of,
    pause_of,
    preview_of,
    reruns_of,
    schedule_of,
    task_of,
    token_of,
    usage_of,
)
from atlanscheduler_client.responses import Response
from atlanscheduler_client.shapes import (
    KEPT,
    Aborts,
    AuditRecord,
    DeletedSchedule,
    FailureKind,
    Group,
    Job,
    Kept,
    MadeToken,
    NewJob,
    NewSchedule,
    Node,
    Pause,
    Preview,
    Reruns,
    Schedule,
    Status,
    Task,
    Token,
    Unique,
    Until,
    Usage,
)

T = TypeVar("T")

WAIT_S_MAX: Final = 50.0
"""The longest wait that is asked for; a client that waits longer asks again. A node accepts 60 s,
but many proxies give up on it then."""
HEARTBEAT_S: Final = 15.0
"""The longest silence in a stream of events while its node is alive."""
NOTHING_MORE: Final = 204
"""The status with which a node says that a stream is at its end."""
PAGE_JOBS: Final = 100
"""How many jobs a page of a list has, or records."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """An HTTP request."""

    method: str
    path: str
    """Escaped, with its query."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    """How long the request makes the node wait; it may be silent so much longer."""
    media: str = "application/json"
    """The media type of the response: what a stream has to be."""


@dataclass(frozen=True, kw_only=True)
class Call(Request, Generic[T]):
    """A request, and how its response is read."""

    read: Callable[[Response], T]


class ListPage(NamedTuple, Generic[T]):
    """One page of a list, and the call for the next page, if there is one."""

    items: Sequence[T]
    next: Call[ListPage[T]] | None


def submit(job: NewJob, key: str | None) -> Call[Job]:
    """Submit one job."""
    return _post(_body(job), key, _job)


def submit_all(jobs: Sequence[NewJob], key: str | None) -> Call[Sequence[Job]]:
    """Submit several jobs, all or none."""
    return _post([_body(job) for job in jobs], key, _jobs)


def page(
    uid: str,
    *,
    statuses: Collection[Status] | str,
    task: str | None,
    parent: str | None,
    group: str | None,
) -> Call[ListPage[Job]]:
    """List the newest of a user's jobs."""
    which = _match(statuses, task)
    return _page(_path(uid, **which, parent=parent, group=group, limit=PAGE_JOBS), job_of)


def page_of_all(
    *, statuses: Collection[Status] | str, task: str | None, parent: str | None
) -> Call[ListPage[Job]]:
    """List the newest of all users' jobs."""
    path = _path("-", "jobs", **_match(statuses, task), parent=parent, limit=PAGE_JOBS)
    return _page(path, job_of)


def get(uid: str, job_id: str, *, wait_s: float = 0.0, until: Until = "final") -> Call[Job]:
    """Get a job; with `wait_s`, as soon as it is final or over, or when the time is up."""
    path = _path(uid, job_id, **_wait(wait_s, until))
    return Call(method="GET", path=path, read=_job, wait_s=wait_s)


def update(
    uid: str, job_id: str, *, priority: int | None, run_at: datetime | None, at_once: bool
) -> Call[Job]:
    """Change the priority or the time of a queued job."""
    body: dict[str, Any] = {} if priority is None else {"priority": priority}
    if at_once or run_at is not None:
        body["run_at"] = None if at_once or run_at is None else run_at.isoformat()
    return Call(
        method="PATCH",
        path=_path(uid, job_id),
        read=_job,
        body=dumps(body),
        headers={"Content-Type": "application/json"},
    )


def rerun(
    uid: str,
    job_id: str,
    *,
    data: Any | Kept,  # noqa: ANN401 - JSON
    hook: str | Kept | None,
    priority: int | Kept,
    run_at: datetime | None,
    delay: timedelta | float | None,
    start_within: timedelta | float | Kept | None,
    max_attempts: int | Kept | None,
    hook_retries: bool | Kept = KEPT,
    needs: Collection[str] | Kept = KEPT,
    group: str | Kept | None = KEPT,
    unique: Unique | str | None = None,
    key: str | None,
) -> Call[Job]:
    """Run a job again."""
    within = start_within if isinstance(start_within, Kept) else _seconds(start_within)
    instead = {
        "data": data,
        "hook": hook,
        "priority": priority,
        "start_within_s": within,
        "max_attempts": max_attempts,
        "hook_retries": hook_retries,
        "needs": needs if isinstance(needs, Kept) else list(needs),
        "group": group,
    }
    given = {
        "parent": running_job(),
        "run_at": run_at and run_at.isoformat(),
        "delay_s": _seconds(delay),
        "unique": _unique(unique),
    }
    body = {name: value for name, value in instead.items() if value is not KEPT}
    body |= {name: value for name, value in given.items() if value is not None}
    return _post(body, key, _job, path=_path(uid, job_id, "rerun"))


def rerun_all(
    *,
    uid: str | None,
    task: str | None,
    statuses: Collection[Status] | str,
    error_kinds: Collection[FailureKind] | str,
    since: datetime | None,
    limit: int,
    dry_run: bool,
    key: str | None,
) -> Call[Reruns]:
    """Run all jobs again that match."""
    given = {
        "uid": uid,
        "task": task,
        "status": _names(statuses),
        "error_kind": _names(error_kinds),
        "since": since and since.isoformat(),
        "dry_run": dry_run or None,
    }
    body = {name: value for name, value in given.items() if value is not None}
    return _post(
        {**body, "limit": limit},
        key,
        lambda response: reruns_of(response.document),
        path="/-/reruns",
    )


def abort(
    uid: str,
    job_id: str,
    *,
    reason: str | None,
    grace_s: float | None,
    children: bool,
    wait_s: float,
    until: Until,
) -> Call[Job]:
    """Abort a job, and wait for its end."""
    wait_s = min(wait_s, WAIT_S_MAX)
    grace = None if grace_s is None else _decimals(grace_s)
    path = _path(
        uid,
        job_id,
        reason=reason,
        grace_s=grace,
        children="true" if children else None,
        **_wait(wait_s, until),
    )
    return Call(method="DELETE", path=path, read=_job, wait_s=wait_s)


def abort_all(
    uid: str, *, statuses: Collection[Status] | str, task: str | None, group: str | None
) -> Call[Aborts]:
    """Abort all of a user's jobs that match."""
    path = _path(uid, **_match(statuses, task), group=group)
    return Call(method="DELETE", path=path, read=lambda response: aborts_of(response.document))


def group(uid: str, name: str) -> Call[Group]:
    """Read how far a group of a user's jobs is."""
    return Call(
        method="GET",
        path=_path("-", "groups", uid, name),
        read=lambda response: group_of(response.document),
    )


def usage(uid: str) -> Call[Usage]:
    """Read what a user uses of its quota."""
    return Call(
        method="GET",
        path=_path("-", "usage", uid),
        read=lambda response: usage_of(response.document),
    )


def tasks() -> Call[Sequence[Task]]:
    """List the handlers."""
    return Call(
        method="GET",
        path="/-/tasks",
        read=lambda response: [task_of(each) for each in response.list],
    )


def nodes() -> Call[Sequence[Node]]:
    """List the live nodes."""
    return Call(
        method="GET",
        path="/-/nodes",
        read=lambda response: [node_of(each) for each in response.list],
    )


def pause(kind: str, name: str, *, reason: str | None, until: datetime | None) -> Call[Pause]:
    """Pause a handler, a user or a node."""
    order = {"reason": reason, "until": None if until is None else until.isoformat()}
    return Call(
        method="PUT",
        path=_path("-", "pauses", kind, name),
        body=dumps(order),
        headers={"Content-Type": "application/json"},
        read=lambda response: pause_of(response.document),
    )


def resume(kind: str, name: str) -> Call[Pause]:
    """End a pause."""
    return Call(
        method="DELETE",
        path=_path("-", "pauses", kind, name),
        read=lambda response: pause_of(response.document),
    )


def pauses(kind: str | None) -> Call[ListPage[Pause]]:
    """List the first pauses."""
    return _page(_path("-", "pauses", kind=kind, limit=PAGE_JOBS), pause_of)


def set_schedule(new: NewSchedule) -> Call[Schedule]:
    """Set a schedule."""
    order = {
        "task": new.task,
        "data": new.data,
        "hook": new.hook,
        "cron": new.cron,
        "every_s": _seconds(new.every),
        "phase_s": _seconds(new.phase),
        "timezone": new.timezone,
        "start_at": new.start_at and new.start_at.isoformat(),
        "end_at": new.end_at and new.end_at.isoformat(),
        "jitter_s": _seconds(new.jitter),
        "misfire": str(new.misfire),
        "catchup_s": _seconds(new.catchup),
        "overlap": str(new.overlap),
        "paused": new.paused,
        "note": new.note,
        "pause_after_failures": new.pause_after_failures,
        "remaining": new.remaining,
        "priority": new.priority,
        "max_attempts": new.max_attempts,
    }
    return Call(
        method="PUT",
        path=_path("-", "schedules", new.uid, new.name),
        body=dumps(order),
        headers={"Content-Type": "application/json"},
        read=_schedule,
    )


def schedule(uid: str, name: str) -> Call[Schedule]:
    """Read a schedule."""
    return Call(method="GET", path=_path("-", "schedules", uid, name), read=_schedule)


def delete_schedule(uid: str, name: str, *, abort: bool) -> Call[DeletedSchedule]:
    """Delete a schedule."""
    return Call(
        method="DELETE",
        path=_path("-", "schedules", uid, name, abort="true" if abort else None),
        read=lambda response: deleted_schedule_of(response.document),
    )


def schedules(uid: str | None) -> Call[ListPage[Schedule]]:
    """List the first schedules."""
    return _page(_path("-", "schedules", uid=uid, limit=PAGE_JOBS), schedule_of)


def run_schedule(uid: str, name: str, key: str | None) -> Call[Job]:
    """Make a job of a schedule now."""
    path = _path("-", "schedules", uid, name, "run")
    headers = {"Idempotency-Key": key or uuid4().hex}
    return Call(method="POST", path=path, headers=headers, read=_job)


def backfill_schedule(
    uid: str, name: str, *, begin: datetime, end: datetime
) -> Call[Sequence[Job]]:
    """Make up for a time that is past."""
    return Call(
        method="POST",
        path=_path("-", "schedules", uid, name, "backfill"),
        body=dumps({"from": begin.isoformat(), "to": end.isoformat()}),
        headers={"Content-Type": "application/json"},
        read=_jobs,
    )


def preview_schedule(
    *,
    cron: str | None,
    every: timedelta | float | None,
    phase: timedelta | float = 0.0,
    timezone: str,
    start_at: datetime | None,
    count: int,
) -> Call[Preview]:
    """Ask when a schedule would make its next jobs."""
    order = {
        "cron": cron,
        "every_s": _seconds(every),
        "phase_s": _seconds(phase),
        "timezone": timezone,
        "start_at": start_at and start_at.isoformat(),
        "count": count,
    }
    return Call(
        method="POST",
        path="/-/schedules/preview",
        body=dumps(order),
        headers={"Content-Type": "application/json"},
        read=lambda response: preview_of(response.document),
    )


def create_token(
    name: str, *, role: str, uids: Sequence[str], expires_at: datetime | None
) -> Call[MadeToken]:
    """Make a token."""
    order = {
        "name": name,
        "role": str(role),
        "uids": list(uids),
        "expires_at": None if expires_at is None else expires_at.isoformat(),
    }
    return Call(
        method="POST",
        path="/-/tokens",
        body=dumps(order),
        headers={"Content-Type": "application/json"},
        read=lambda response: made_token_of(response.document),
    )


def tokens() -> Call[Sequence[Token]]:
    """List the tokens."""
    return Call(
        method="GET",
        path="/-/tokens?limit=1000",
        read=lambda response: [token_of(each) for each in response.document],
    )


def revoke_token(token_id: str) -> Call[Token]:
    """Revoke a token."""
    return Call(
        method="DELETE",
        path=_path("-", "tokens", token_id),
        read=lambda response: token_of(response.document),
    )


def audit(
    *,
    actor: str | None,
    uid: str | None,
    action: str | None,
    since: datetime | None,
    before: datetime | None,
) -> Call[ListPage[AuditRecord]]:
    """List the newest records of the audit log."""
    path = _path(
        "-",
        "audit",
        actor=actor,
        uid=uid,
        action=action,
        since=None if since is None else since.isoformat(),
        before=None if before is None else before.isoformat(),
        limit=PAGE_JOBS,
    )
    return _page(path, audit_record_of)


def events(uid: str, job_id: str, *, log: bool, last_event_id: str | None) -> Request:
    """Stream the events of a job, after the event with this id."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    path = _path(uid, job_id, "events", log="true" if log else None)
    return Request(
        method="GET",
        path=path,
        headers=headers,
        wait_s=HEARTBEAT_S,
        media="text/event-stream",
    )


def log(uid: str, job_id: str) -> Request:
    """Read what a job printed so far."""
    return Request(method="GET", path=_path(uid, job_id, "log"), media="text/plain")


def _post(
    body: object, key: str | None, read: Callable[[Response], T], *, path: str = "/"
) -> Call[T]:
    return Call(
        method="POST",
        path=path,
        read=read,
        body=dumps(body),
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": key or uuid4().hex,
        },
    )


def _body(job: NewJob) -> dict[str, Any]:
    body = {"uid": job.uid, "task": job.task, "data": job.data, "hook": job.hook}
    given = {"parent": job.parent or running_job(), **_order(job)}
    return body | {name: value for name, value in given.items() if value is not None}


def _order(job: NewJob) -> dict[str, Any]:
    """When, in which order and how often it is to run; an earlier version knows none of it."""
    return {
        "priority": job.priority or None,
        "run_at": job.run_at and job.run_at.isoformat(),
        "delay_s": _seconds(job.delay),
        "start_within_s": _seconds(job.start_within),
        "max_attempts": job.max_attempts,
        "hook_retries": job.hook_retries or None,
        "needs": list(job.needs) or None,
        "ref": job.ref,
        "after": list(job.after) or None,
        "after_if": str(job.after_if) if job.after else None,
        "group": job.group,
        "unique": _unique(job.unique),
    }


def _unique(unique: Unique | str | None) -> dict[str, Any] | None:
    if unique is None:
        return None
    given = Unique(key=unique) if isinstance(unique, str) else unique
    return {"key": given.key, "on_conflict": given.on_conflict}


def _seconds(length: timedelta | float | None) -> float | None:
    return length.total_seconds() if isinstance(length, timedelta) else length


def _page(path: str, item_of: Callable[[dict[str, Any]], T]) -> Call[ListPage[T]]:
    def read(response: Response) -> ListPage[T]:
        # Another page differs in its query only. To use nothing else of the link works whatever a
        # proxy does to paths.
        query = response.next_query
        following = _page(f"{path.partition('?')[0]}?{query}", item_of) if query else None
        return ListPage([item_of(each) for each in response.list], following)

    return Call(method="GET", path=path, read=read)


def _job(response: Response) -> Job:
    return job_of(response.document)


def _schedule(response: Response) -> Schedule:
    return schedule_of(response.document)


def _jobs(response: Response) -> Sequence[Job]:
    return [job_of(each) for each in response.list]


def _match(statuses: Collection[Status] | str, task: str | None) -> dict[str, str | None]:
    """The query; a text may have several statuses separated by commas, as in the API."""
    wanted = statuses if isinstance(statuses, str) else ",".join(statuses)
    return {"status": wanted or None, "task": task}


def _names(names: Collection[str] | str) -> list[str] | None:
    """The names of a filter; a text may have several separated by commas, as in the API."""
    return (names.split(",") if isinstance(names, str) else list(names)) if names else None


def _wait(wait_s: float, until: Until) -> dict[str, str | None]:
    """The query of a wait; a node of an earlier version knows no `until`."""
    over = until if until != "final" and wait_s > 0 else None
    return {"wait": _decimals(wait_s), "until": over}


def _path(*segments: str, **query: object) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    path = "".join(f"/{segment(each)}" for each in segments)
    return f"{path}?{urlencode(given)}" if given else path


def _decimals(seconds: float) -> str:
    """Seconds as the API accepts them: without an exponent."""
    return f"{seconds:.3f}"
