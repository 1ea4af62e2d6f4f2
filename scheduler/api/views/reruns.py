"""The views that run jobs again: one, or all that match.

Each makes new jobs. What is run again stays as it is, and the new job names it as `rerun_of`.
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.limits.lines import in_line
from scheduler.api.problems import NOT_OVER, problem
from scheduler.api.rate_limit_headers import rate_limit_headers
from scheduler.api.requests.bodies import read_optional, read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.intake import parsed
from scheduler.api.requests.models import Query
from scheduler.api.requests.needs import require_labels
from scheduler.api.requests.queries import idempotency_key, job_in_path, query
from scheduler.api.requests.reruns import RerunAllOrder, RerunOrder, fingerprint
from scheduler.api.requests.submissions import unknown_task
from scheduler.api.requests.tracing import traceparent
from scheduler.api.state import LIMITS, LOAD, PRINCIPAL, RERUNS, SERVICE
from scheduler.api.views.explaining import submitted
from scheduler.api.views.jobs import location
from scheduler.api.views.order import notice
from scheduler.core.errors import Flaw
from scheduler.service.documents import job_document, reruns_document
from scheduler.service.reruns import Request

ALLOWED: Final = "a JSON object with what the re-run has instead, or no body"


async def rerun_job(request: web.Request) -> web.Response:
    """Run a job again that is over: submit a new job like it.

    What the body leaves out is taken over, but for `parent`, `run_at` and `delay_s`. Without a body
    all of it is. The job itself stays as it is, and can be run again any number of times.
    """
    uid, job_id = job_in_path(request)
    query(request, Query)
    key = idempotency_key(request)
    body = await parsed(request, await read_optional(request), without={})
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: {ALLOWED}")])
    order = checked(RerunOrder, body, prefix="/")
    if order.needs:
        await require_labels(request, order.needs, "/needs")
    done = await request.app[RERUNS].rerun(
        request[PRINCIPAL],
        uid,
        job_id,
        changes=order.changes(data_bytes_max=request.app[LIMITS].data_bytes_max),
        request=Request(key, key and fingerprint(job_id, body), traceparent(request)),
    )
    if done.submitted is None:
        detail = f"the job is {done.job.status}: only a job that is over can be run again"
        return problem(NOT_OVER, detail, job=job_document(done.job))
    (job,), created, *_ = done.submitted.inserted
    headers = rate_limit_headers(done.submitted.standings) | location(request, job)
    headers |= notice([job]) if created else {}
    (document,) = await submitted(request, [job])
    if job.id in done.submitted.inserted.found:
        document["deduplicated"] = True
    return json_response(document, status=202 if created else 200, headers=headers)


async def rerun_jobs(request: web.Request) -> web.Response:
    """Run all jobs again that match and are over, oldest first: all of them or none.

    Without `status`, those that are `terminated`. Jobs that have a re-run are left out, and so are
    those whose handler is not there any more: so the same request again goes on with what is left.
    With `dry_run` the answer says which jobs that would be. Send an `Idempotency-Key` to get the
    same answer after a lost one; without it no job is run again twice either. A request also ends
    once the data and results of its jobs pass 8 MiB: `more` says that further jobs match.
    """
    query(request, Query)
    key = idempotency_key(request)
    body = await read_order(request)
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a JSON object with limit")])
    order, reruns = checked(RerunAllOrder, body, prefix="/"), request.app[RERUNS]
    by, which, limit, tasks = (
        request[PRINCIPAL],
        order.which,
        order.limit,
        request.app[SERVICE].tasks,
    )
    if order.task is not None and order.task not in tasks:
        raise refusal([unknown_task(order.task, tasks, "")])
    async with in_line(request, request.app[LOAD].lists):
        if order.dry_run:
            done = await reruns.preview(by, which, limit=limit)
        else:
            came = Request(key, key and fingerprint("all", body), traceparent(request))
            done = await reruns.rerun_all(by, which, limit=limit, request=came)
    return json_response(reruns_document(done), status=202 if done.created else 200)
