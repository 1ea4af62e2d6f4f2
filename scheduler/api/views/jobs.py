"""The views of jobs: submit, list, get, and the calls of a job's hook."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.requests import cursor
from scheduler.api.requests.bodies import read_json
from scheduler.api.requests.models import ListQuery, NewJob, Query, WaitQuery
from scheduler.api.requests.queries import idempotency_key, job_in_path, query, user_in_path
from scheduler.api.requests.submissions import checked_jobs, fingerprint, submission
from scheduler.api.requests.tracing import traceparent
from scheduler.api.state import LIMITS, PATH_PREFIX, SERVICE
from scheduler.core.job import Job, Submission
from scheduler.service.documents import call_document, job_document
from scheduler.service.service import JobPage


async def submit(request: web.Request) -> web.Response:
    """Submit a job, or several at once: all or none of them."""
    query(request, Query)
    key = idempotency_key(request)
    body = await read_json(request)
    service, limits = request.app[SERVICE], request.app[LIMITS]
    jobs = checked_jobs(body, tasks=service.tasks, bulk_jobs_max=limits.bulk_jobs_max)
    several = isinstance(body, list)
    inserted = await service.submit(
        _submissions(jobs, several=several, data_bytes_max=limits.data_bytes_max),
        idempotency_key=key,
        fingerprint=None if key is None else fingerprint(jobs, several=several),
        traceparent=traceparent(request),
    )
    status = 202 if inserted.created else 200
    documents = [job_document(job) for job in inserted.jobs]
    if several:
        return json_response(documents, status=status)
    return json_response(documents[0], status=status, headers=_location(request, inserted.jobs[0]))


async def list_jobs(request: web.Request) -> web.Response:
    """List a user's jobs, newest first; the older ones behind the `Link` header."""
    uid, wanted = user_in_path(request), query(request, ListQuery)
    page = await request.app[SERVICE].page(
        uid,
        statuses=wanted.status,
        task=wanted.task,
        parent=wanted.parent,
        before_id=wanted.after,
        limit=wanted.limit,
    )
    documents = [job_document(job) for job in page.jobs]
    return json_response(documents, headers=_next(request, page))


async def get_job(request: web.Request) -> web.Response:
    """Get a job, at once or when it is final."""
    uid, job_id = job_in_path(request)
    wait_s = query(request, WaitQuery).wait
    return json_response(job_document(await request.app[SERVICE].get(uid, job_id, wait_s=wait_s)))


async def list_hook_calls(request: web.Request) -> web.Response:
    """List the calls of a job's hook: what was told or is to be, and how that went."""
    uid, job_id = job_in_path(request)
    query(request, Query)
    calls = await request.app[SERVICE].hook_calls(uid, job_id)
    return json_response([call_document(call) for call in calls])


def _submissions(jobs: Sequence[NewJob], *, several: bool, data_bytes_max: int) -> list[Submission]:
    pointers = (f"/{index}" if several else "" for index in range(len(jobs)))
    return [
        submission(job, pointer=pointer, data_bytes_max=data_bytes_max)
        for job, pointer in zip(jobs, pointers, strict=True)
    ]


def _location(request: web.Request, job: Job) -> dict[str, str]:
    prefix = request.app[PATH_PREFIX]
    return {"Location": f"{prefix}/{quote(job.uid, safe='')}/{job.id}"}


def _next(request: web.Request, page: JobPage) -> dict[str, str]:
    """The `Link` header to the next page: only its query, since a proxy may change all else."""
    if page.next_before is None:
        return {}
    parameters = {**request.query, "after": cursor.encode(page.next_before)}
    return {"Link": f'<?{urlencode(parameters)}>; rel="next"'}
