"""The views of jobs: submit, list, get, and the calls of a job's hook."""

from __future__ import annotations

from functools import lru_cache, partial
from urllib.parse import quote, urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.limits.lasting import waiting
from scheduler.api.limits.lines import in_line
from scheduler.api.rate_limit_headers import rate_limit_headers
from scheduler.api.requests import cursor
from scheduler.api.requests.intake import read_jobs
from scheduler.api.requests.models import ListAllQuery, ListQuery, Query, WaitQuery
from scheduler.api.requests.needs import require_places
from scheduler.api.requests.queries import (
    group_in_path,
    idempotency_key,
    job_in_path,
    query,
    user_in_path,
)
from scheduler.api.requests.tracing import traceparent
from scheduler.api.state import (
    LOAD,
    LOOKUP,
    PATH_PREFIX,
    PRINCIPAL,
    QUOTAS,
    SERVICE,
)
from scheduler.api.views.explaining import explained, submitted, told
from scheduler.api.views.order import notice
from scheduler.core.errors import NoSuchPredecessors
from scheduler.core.job import Job
from scheduler.service.documents import (
    call_document,
    group_document,
    job_document,
    job_outline,
    usage_document,
)
from scheduler.service.service import JobPage


async def submit(request: web.Request) -> web.Response:
    """Submit a job, or several at once: all or none of them.

    With 202 the jobs are stored: they will run, whatever happens to this node. Send an
    `Idempotency-Key` to be able to repeat the request after a lost answer. A job whose time is to
    come is queued, and says so in `waits`; where its `run_at` is past, the header `Notice` says so.
    """
    query(request, Query)
    key = idempotency_key(request)
    intake = await read_jobs(request, digested=key is not None)
    is_repeated = partial(
        request.app[QUOTAS].is_repeated,
        request[PRINCIPAL],
        intake.submissions,
        idempotency_key=key,
        fingerprint=intake.fingerprint,
    )
    await require_places(
        request, intake.submissions, several=intake.several, is_repeated=is_repeated
    )
    try:
        inserted, standings = await request.app[QUOTAS].submit(
            request[PRINCIPAL],
            intake.submissions,
            idempotency_key=key,
            fingerprint=intake.fingerprint,
            traceparent=traceparent(request),
        )
    except NoSuchPredecessors as error:
        raise intake.without_predecessors(error.ids) from None
    status = 202 if inserted.created else 200
    headers = rate_limit_headers(standings)
    documents = await submitted(request, inserted.jobs)
    for document in documents:
        if document["id"] in inserted.found:
            document["deduplicated"] = True
    headers |= notice(inserted.jobs) if inserted.created else {}
    if intake.several:
        return json_response(documents, status=status, headers=headers)
    headers |= location(request, inserted.jobs[0])
    return json_response(documents[0], status=status, headers=headers)


async def list_jobs(request: web.Request) -> web.Response:
    """List a user's jobs, newest first; the older ones behind the `Link` header.

    A user without jobs has an empty list. Filters can be combined.
    """
    return await _listed(request, user_in_path(request), query(request, ListQuery))


async def get_usage(request: web.Request) -> web.Response:
    """Show how many unfinished jobs a user has, and how many it may have.

    `limits` are those of the quota whose pattern fits best; null where none does.
    """
    query(request, Query)
    async with in_line(request, request.app[LOAD].reads):
        usage = await request.app[QUOTAS].usage(request[PRINCIPAL], user_in_path(request))
    return json_response(usage_document(usage))


async def get_group(request: web.Request) -> web.Response:
    """Show how far a group of a user's jobs is: how many there are, and how many have ended.

    A group is there as long as one of its jobs is: of an unknown one, all numbers are 0.
    """
    query(request, Query)
    uid, group = group_in_path(request)
    async with in_line(request, request.app[LOAD].reads):
        found = await request.app[LOOKUP].group(request[PRINCIPAL], uid, group)
    return json_response(group_document(found))


async def list_all_jobs(request: web.Request) -> web.Response:
    """List the jobs of all users, or of one, newest first; the older ones as for one user.

    With `data=false` the answer has neither `data` nor `result`, which may be large.
    """
    wanted = query(request, ListAllQuery)
    return await _listed(request, wanted.uid, wanted)


async def _listed(request: web.Request, uid: str | None, wanted: ListQuery) -> web.Response:
    async with in_line(request, request.app[LOAD].lists):
        page = await request.app[SERVICE].page(
            request[PRINCIPAL],
            uid,
            statuses=wanted.status,
            task=wanted.task,
            parent=wanted.parent,
            group=wanted.group,
            before_id=wanted.after,
            limit=wanted.limit,
        )
        documented = job_document if wanted.data else job_outline
        documents = [documented(job) for job in await explained(request, page.jobs)]
        return json_response(documents, headers=_next(request, page))


async def get_job(request: web.Request) -> web.Response:
    """Get a job, at once, or when it is final or over.

    With `wait` the answer comes as soon as the job is final, or with `until=over` also undone,
    or when the time is up: look at its `status`, and ask again if it is not final.
    """
    by, (uid, job_id) = request[PRINCIPAL], job_in_path(request)
    how_long, service = query(request, WaitQuery), request.app[SERVICE]
    async with in_line(request, request.app[LOAD].reads):
        job = await service.get(by, uid, job_id)
        if how_long.wait == 0 or job.reached(how_long.until):
            return json_response(await told(request, job))
    with waiting(request, how_long.wait) as wait_s:
        job = await service.get(by, uid, job_id, wait_s=wait_s, until=how_long.until)
    return json_response(await told(request, job))


async def list_hook_calls(request: web.Request) -> web.Response:
    """List the calls of a job's hook: what was told or is to be, and how that went.

    A call that fails is tried again with growing pauses, up to a day by default.
    """
    uid, job_id = job_in_path(request)
    query(request, Query)
    async with in_line(request, request.app[LOAD].reads):
        calls = await request.app[SERVICE].hook_calls(request[PRINCIPAL], uid, job_id)
    return json_response([call_document(call) for call in calls])


def location(request: web.Request, job: Job) -> dict[str, str]:
    """The header that says where a new job is."""
    prefix = request.app[PATH_PREFIX]
    return {"Location": f"{prefix}/{_quoted(job.uid)}/{job.id}"}


@lru_cache(maxsize=1024)
def _quoted(uid: str) -> str:
    """A uid in a path. Users submit many jobs, and quoting takes as long as the JSON of a job."""
    return quote(uid, safe="")


def _next(request: web.Request, page: JobPage) -> dict[str, str]:
    """The `Link` header to the next page: only its query, since a proxy may change all else."""
    if page.next_before is None:
        return {}
    parameters = {**request.query, "after": cursor.encode(page.next_before)}
    return {"Link": f'<?{urlencode(parameters)}>; rel="next"'}
