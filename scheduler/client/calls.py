"""The calls of the API: what is asked, and how the answer is read. No I/O: both clients ask them.

Each may be repeated after its answer was lost: a submission carries an idempotency key, and to
abort what is aborted gives the same answer again. So a client that lost its node just asks again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

from scheduler.client.answers import Answer
from scheduler.client.reading import aborts_of, job_of, node_of, task_of
from scheduler.client.shapes import Aborts, Job, NewJob, Node, Task
from scheduler.core.job import Status

T = TypeVar("T")

WAIT_S_MAX: Final = 60.0
"""The longest wait that a node takes; who waits longer asks again."""
HEARTBEAT_S: Final = 15.0
"""How long a stream of events is silent at most, where its node lives."""
NOTHING_MORE: Final = 204
"""The status by which a node says that a stream is at its end."""
PAGE_JOBS: Final = 100
"""How many jobs a page of a list has."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What goes over HTTP."""

    method: str
    path: str
    """Escaped, with its query."""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    """How long the node may be silent because of what it is asked."""


@dataclass(frozen=True, kw_only=True)
class Call(Request, Generic[T]):
    """A request, and how its answer is read."""

    read: Callable[[Answer], T]


class Page(NamedTuple):
    """Some of a user's jobs, and the call for the older ones, if there are."""

    jobs: Sequence[Job]
    following: Call[Page] | None


def submit(job: NewJob, key: str | None) -> Call[Job]:
    """Submit one job."""
    return _post(_body(job), key, _job)


def submit_all(jobs: Sequence[NewJob], key: str | None) -> Call[Sequence[Job]]:
    """Submit several jobs, all or none."""
    return _post([_body(job) for job in jobs], key, _jobs)


def page(uid: str, *, statuses: Collection[Status] | str, task: str | None) -> Call[Page]:
    """List the newest of a user's jobs."""
    return _page(_path(uid, **_match(statuses, task), limit=PAGE_JOBS))


def get(uid: str, job_id: str, *, wait_s: float = 0.0) -> Call[Job]:
    """Get a job, once it is final or the time is up."""
    path = _path(uid, job_id, wait=_decimals(wait_s))
    return Call(method="GET", path=path, read=_job, wait_s=wait_s)


def abort(
    uid: str, job_id: str, *, reason: str | None, grace_s: float | None, wait_s: float
) -> Call[Job]:
    """Abort a job, and wait for its end."""
    wait_s = min(wait_s, WAIT_S_MAX)
    grace = None if grace_s is None else _decimals(grace_s)
    path = _path(uid, job_id, reason=reason, grace_s=grace, wait=_decimals(wait_s))
    return Call(method="DELETE", path=path, read=_job, wait_s=wait_s)


def abort_all(uid: str, *, statuses: Collection[Status] | str, task: str | None) -> Call[Aborts]:
    """Abort all of a user's jobs that match."""
    path = _path(uid, **_match(statuses, task))
    return Call(method="DELETE", path=path, read=lambda answer: aborts_of(answer.document))


def tasks() -> Call[Sequence[Task]]:
    """List the handlers."""
    return Call(
        method="GET",
        path="/-/tasks",
        read=lambda answer: [task_of(each) for each in answer.document],
    )


def nodes() -> Call[Sequence[Node]]:
    """List the live nodes."""
    return Call(
        method="GET",
        path="/-/nodes",
        read=lambda answer: [node_of(each) for each in answer.document],
    )


def events(uid: str, job_id: str, *, log: bool, last_event_id: str | None) -> Request:
    """Stream what happens to a job, from after the event of this id."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    path = _path(uid, job_id, "events", log="true" if log else None)
    return Request(method="GET", path=path, headers=headers, wait_s=HEARTBEAT_S)


def output(uid: str, job_id: str, *, follow: bool) -> Request:
    """Stream what a job printed."""
    path = _path(uid, job_id, "log", follow="true" if follow else None)
    return Request(method="GET", path=path, wait_s=math.inf if follow else 0.0)


def _post(body: object, key: str | None, read: Callable[[Answer], T]) -> Call[T]:
    return Call(
        method="POST",
        path="/",
        read=read,
        body=json.dumps(body, ensure_ascii=False, allow_nan=False).encode(),
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": key or uuid4().hex,
        },
    )


def _body(job: NewJob) -> dict[str, Any]:
    return {"uid": job.uid, "task": job.task, "data": job.data, "hook": job.hook}


def _page(path: str) -> Call[Page]:
    def read(answer: Answer) -> Page:
        return Page(_jobs(answer), _page(answer.next_path) if answer.next_path else None)

    return Call(method="GET", path=path, read=read)


def _job(answer: Answer) -> Job:
    return job_of(answer.document)


def _jobs(answer: Answer) -> Sequence[Job]:
    return [job_of(each) for each in answer.document]


def _match(statuses: Collection[Status] | str, task: str | None) -> dict[str, str | None]:
    """The query; several statuses in one text have commas between them, as in the API."""
    wanted = statuses if isinstance(statuses, str) else ",".join(statuses)
    return {"status": wanted or None, "task": task}


def _path(*segments: str, **query: object) -> str:
    given = {name: value for name, value in query.items() if value is not None}
    path = "".join(f"/{quote(segment, safe='')}" for segment in segments)
    return f"{path}?{urlencode(given)}" if given else path


def _decimals(seconds: float) -> str:
    """As the API reads seconds: no exponent."""
    return f"{seconds:.3f}"
