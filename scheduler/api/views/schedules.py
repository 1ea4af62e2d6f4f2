"""The views of schedules: set, show, delete, list, run now, backfill, preview."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.problems import OVERLAPS, problem
from scheduler.api.requests import cursor
from scheduler.api.requests.bodies import read_json, read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.intake import parsed
from scheduler.api.requests.models import Query
from scheduler.api.requests.queries import idempotency_key, query
from scheduler.api.requests.schedules import (
    BackfillOrder,
    DeleteQuery,
    PreviewOrder,
    ScheduleOrder,
    SchedulePath,
    SchedulesQuery,
    timing,
)
from scheduler.api.requests.submissions import data_text, unknown_task
from scheduler.api.state import LIMITS, PRINCIPAL, SCHEDULES, SERVICE
from scheduler.api.views.explaining import submitted
from scheduler.api.views.jobs import location
from scheduler.core.errors import Flaw
from scheduler.core.schedules.schedule import ScheduleKey
from scheduler.service.schedules.documents import (
    deleted_document,
    preview_document,
    schedule_document,
)


async def put_schedule(request: web.Request) -> web.Response:
    """Set a schedule, or replace the one that there is.

    It makes a job at each of its times, whichever nodes are there by then, and each once. It has
    either `cron`, which means the clocks of `timezone`, or `every_s`. What would have occurred
    before it is set is not made up for. Where the times stay as they are, it goes on.
    """
    key = _key(request)
    query(request, Query)
    body = await parsed(request, await read_json(request), without={})
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a schedule as a JSON object")])
    order = checked(ScheduleOrder, body, prefix="/")
    tasks = request.app[SERVICE].tasks
    if order.task not in tasks:
        raise refusal([unknown_task(order.task, tasks, "")])
    limits = request.app[LIMITS]
    text = data_text(order.data, pointer="", data_bytes_max=limits.data_bytes_max)
    put = await request.app[SCHEDULES].put(request[PRINCIPAL], key, order.plan(text))
    return json_response(schedule_document(put.shown), status=201 if put.created else 200)


async def get_schedule(request: web.Request) -> web.Response:
    """Show a schedule, with its next and its last occurrences."""
    key = _key(request)
    query(request, Query)
    return json_response(
        schedule_document(await request.app[SCHEDULES].get(request[PRINCIPAL], key))
    )


async def delete_schedule(request: web.Request) -> web.Response:
    """Delete a schedule, and show it as it was. Its jobs go on, unless `abort` is true.

    Then those that have not ended are aborted, and `aborts` says how many; it is null else.
    """
    key = _key(request)
    how = query(request, DeleteQuery)
    deleted = await request.app[SCHEDULES].delete(request[PRINCIPAL], key, abort=how.abort)
    return json_response(deleted_document(deleted))


async def list_schedules(request: web.Request) -> web.Response:
    """List schedules by user and name, without what they did; the next ones behind `Link`."""
    wanted = query(request, SchedulesQuery)
    page = await request.app[SCHEDULES].page(
        request[PRINCIPAL], wanted.uid, after=wanted.after_key, limit=wanted.limit
    )
    headers = {}
    if page.next_after is not None:
        after = cursor.encode_name("/".join(page.next_after))
        headers["Link"] = f'<?{urlencode({**request.query, "after": after})}>; rel="next"'
    return json_response([schedule_document(each) for each in page.schedules], headers=headers)


async def run_schedule(request: web.Request) -> web.Response:
    """Make a job of a schedule now, beside its times, also while it is paused.

    While an earlier job of it is not over, its `overlap` says what becomes of that: where it would
    be skipped, nothing is made.
    """
    key = _key(request)
    query(request, Query)
    job, skipped = await request.app[SCHEDULES].run(
        request[PRINCIPAL], key, idempotency_key=idempotency_key(request)
    )
    if job is None:
        return problem(
            OVERLAPS, f"{OVERLAPS.title}, and its overlap says {skipped}: no job is made"
        )
    (document,) = await submitted(request, [job])
    return json_response(document, status=202, headers=location(request, job))


async def backfill_schedule(request: web.Request) -> web.Response:
    """Make up for the occurrences of a time that is past, at most 100: those without a job.

    One after the other, the earliest first, unless the schedule's `overlap` is `allow`.
    """
    key = _key(request)
    query(request, Query)
    order = checked(BackfillOrder, await _object(request, "from and to"), prefix="/")
    begin, end = getattr(order, "from"), getattr(order, "to")  # noqa: B009 - made at run time
    if end < begin:
        raise refusal([Flaw("/to", f"got {shown(end.isoformat())}; allowed: not before from")])
    jobs = await request.app[SCHEDULES].backfill(request[PRINCIPAL], key, begin=begin, end=end)
    return json_response(await submitted(request, jobs), status=202)


async def preview_schedule(request: web.Request) -> web.Response:
    """Say when a schedule of some times would occur next; nothing is stored."""
    query(request, Query)
    order = checked(PreviewOrder, await _object(request, "cron or every_s"), prefix="/")
    wanted = timing(order, start_at=order.start_at)
    times = request.app[SCHEDULES].preview(request[PRINCIPAL], wanted, count=order.count)
    return json_response(preview_document(wanted, times))


async def _object(request: web.Request, what: str) -> dict[str, object]:
    body = await read_order(request)
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a JSON object with {what}")])
    return body


def _key(request: web.Request) -> ScheduleKey:
    """The schedule that the path names."""
    return checked(SchedulePath, request.match_info, prefix="").key
