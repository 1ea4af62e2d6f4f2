"""The views that abort: one job, named in the body or the path, or all that match.

aborted, now or before           200 with the job, which has the proof of death
running, being stopped           202 with the job; it is aborted once its processes are dead
ended otherwise before           409 with the job

With `children`, the jobs below it are aborted as well, in all three cases; the answer is about the
job itself.
"""

from __future__ import annotations

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.limits.lasting import waiting
from scheduler.api.problems import JOB_ENDED, problem
from scheduler.api.requests.bodies import read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.models import AbortOrder, AbortQuery, MatchGroupQuery, WaitQuery
from scheduler.api.requests.queries import job_id, job_in_path, query, user_in_path
from scheduler.api.state import PRINCIPAL, SERVICE
from scheduler.core.errors import Flaw
from scheduler.core.job import FINAL, Job, Status
from scheduler.service.documents import job_document


async def abort_ordered(request: web.Request) -> web.Response:
    """Abort a job named in the body.

    With 200 no process of the job lives: `abort` in the answer is the receipt. With 202 it is
    being stopped. A second abort with a smaller `grace_s` shortens the grace period of the first.
    """
    how_long = query(request, WaitQuery)
    body = await read_order(request)
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a JSON object with uid and id")])
    order = checked(AbortOrder, body, prefix="/")
    with waiting(request, how_long.wait) as wait_s:
        job = await request.app[SERVICE].abort(
            request[PRINCIPAL],
            order.uid,
            job_id(order.uid, order.id),
            reason=order.reason,
            grace_s=order.grace_s,
            children=order.children,
            wait_s=wait_s,
            until=how_long.until,
        )
    return _answer(job)


async def abort_job(request: web.Request) -> web.Response:
    """Abort a job.

    As the abort with a body, for clients that cannot send one with DELETE.
    """
    uid, wanted_id = job_in_path(request)
    how = query(request, AbortQuery)
    with waiting(request, how.wait) as wait_s:
        job = await request.app[SERVICE].abort(
            request[PRINCIPAL],
            uid,
            wanted_id,
            reason=how.reason,
            grace_s=how.grace_s,
            children=how.children,
            wait_s=wait_s,
            until=how.until,
        )
    return _answer(job)


async def abort_jobs(request: web.Request) -> web.Response:
    """Abort all of a user's jobs that match and have not ended.

    Jobs that are submitted meanwhile may be left: ask again until nothing is aborted.
    """
    uid, which = user_in_path(request), query(request, MatchGroupQuery)
    aborts = await request.app[SERVICE].abort_all(
        request[PRINCIPAL], uid, statuses=which.status, task=which.task, group=which.group
    )
    return json_response({"aborted": aborts.aborted, "aborting": aborts.aborting})


def _answer(job: Job) -> web.Response:
    if job.status is Status.ABORTED:
        return json_response(job_document(job))
    if job.status in FINAL:
        detail = f"the job had ended before it could be aborted: it is {job.status}"
        return problem(JOB_ENDED, detail, job=job_document(job))
    return json_response(job_document(job), status=202)
