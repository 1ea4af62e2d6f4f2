"""The view that changes when, and in which order, a queued job runs; what answers say of times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.problems import NOT_QUEUED, problem
from scheduler.api.requests.bodies import read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.models import JobChange, Query
from scheduler.api.requests.queries import job_in_path, query
from scheduler.api.state import PRINCIPAL, SERVICE
from scheduler.api.views.explaining import told
from scheduler.core.errors import Flaw, StoreUnavailable
from scheduler.core.job import Job, Status
from scheduler.core.ports.store import Retiming
from scheduler.service.documents import Document, job_document

NOTICE: Final = "Notice"
"""The header that says what the answer alone may not make plain enough."""


async def change_job(request: web.Request) -> web.Response:
    """Change the priority of a queued job, or when it may run.

    With `run_at` null it may run at once. A job that runs or has ended is not changed: 409. The
    same change again has the same answer.
    """
    uid, wanted_id = job_in_path(request)
    query(request, Query)
    change = _change(await read_order(request))
    given = change.model_fields_set
    job = await request.app[SERVICE].reorder(
        request[PRINCIPAL],
        uid,
        wanted_id,
        priority=change.priority if "priority" in given else None,
        retiming=Retiming(change.run_at) if "run_at" in given else None,
    )
    if job.status is not Status.QUEUED:
        detail = f"the job is {job.status}: only a queued job can be changed"
        return problem(NOT_QUEUED, detail, job=job_document(job))
    retimed = [job] if change.run_at is not None else []
    return json_response(await _told(request, job), headers=notice(retimed))


async def _told(request: web.Request, job: Job) -> Document:
    """The job as it is got; where the store is away since the change, without what it waits for."""
    try:
        return await told(request, job)
    except StoreUnavailable:
        return job_document(job)


def notice(jobs: Sequence[Job]) -> dict[str, str]:
    """A header where the times of some jobs were past: they run at once."""
    late = sum(_was_past(job) for job in jobs)
    if not late:
        return {}
    which = "run_at is past" if len(jobs) == 1 else f"run_at of {late} of {len(jobs)} jobs is past"
    return {NOTICE: f"{which}: {'it runs' if late == 1 else 'they run'} at once"}


def _was_past(job: Job) -> bool:
    """Whether the job was never held for its time: it was past when the store was told of it."""
    return job.hold is None and job.run_at not in {None, job.eligible_at}


def _change(body: object) -> JobChange:
    allowed = "a JSON object with priority, run_at or both"
    if not isinstance(body, dict) or not body:
        raise refusal([Flaw("", f"got {shown(body)}; allowed: {allowed}")])
    return checked(JobChange, body, prefix="/")
