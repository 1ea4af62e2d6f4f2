"""The JSON that the page requests besides the public API. All of it is read-only."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from scheduler.api.dashboard.documents import (
    around_document,
    principal_document,
    samples_document,
    statistics_document,
)
from scheduler.api.json_response import json_response
from scheduler.api.limits.lines import in_line
from scheduler.api.requests.models import MatchGroupQuery, OneOrAll, Query, Uid
from scheduler.api.requests.queries import job_id, query, some_job_id
from scheduler.api.state import LOAD, LOOKUP, PAUSES, PRINCIPAL, SCHEDULES, SERVICE, STATISTICS
from scheduler.service.documents import instant, node_document
from scheduler.service.statistics import COUNT_MAX


class MatchAllQuery(MatchGroupQuery):
    """Selects jobs of one user or of all; of a group, those of one user."""

    uid: OneOrAll = None


async def me(request: web.Request) -> web.Response:
    """Who asks, and what they may do."""
    query(request, Query)
    return json_response(principal_document(request[PRINCIPAL]))


async def overview(request: web.Request) -> web.Response:
    """The statistics of the whole installation."""
    query(request, Query)
    return json_response(
        statistics_document(await request.app[STATISTICS].statistics(request[PRINCIPAL]))
    )


async def samples(request: web.Request) -> web.Response:
    """How many jobs were queued and ran lately, as far as this node remembers."""
    query(request, Query)
    return json_response(samples_document(request.app[STATISTICS].samples(request[PRINCIPAL])))


async def unfinished(request: web.Request) -> web.Response:
    """How many jobs of each user an abort of all that match would affect."""
    which = query(request, MatchAllQuery)
    users = await request.app[STATISTICS].unfinished(
        request[PRINCIPAL], which.uid, statuses=which.status, task=which.task, group=which.group
    )
    return json_response({"users": users, "exact": sum(users.values()) < COUNT_MAX})


class CalendarQuery(Query):
    """Selects schedules of one user or of all."""

    uid: OneOrAll = None


async def calendar(request: web.Request) -> web.Response:
    """What schedules are to do within the next seven days."""
    which = query(request, CalendarQuery)
    async with in_line(request, request.app[LOAD].reads):
        found = await request.app[SCHEDULES].week(request[PRINCIPAL], which.uid)
    return json_response(
        [
            {
                "uid": key.uid,
                "name": key.name,
                "times": [instant(at) for at in week.times],
                "more": week.more,
            }
            for key, week in found
        ]
    )


class JobQuery(Query):
    """Names a job."""

    uid: Uid
    id: Annotated[str, Field(description="the id of a job")]


class FindQuery(Query):
    """Names a job without its user."""

    id: Annotated[str, Field(description="the id of a job, alone or behind its user and a slash")]


async def job(request: web.Request) -> web.Response:
    """What stands around a job: its place in line, and its re-runs."""
    which = query(request, JobQuery)
    async with in_line(request, request.app[LOAD].reads):
        around = await request.app[LOOKUP].around(
            request[PRINCIPAL], which.uid, job_id(which.uid, which.id)
        )
    return json_response(around_document(around))


async def find(request: web.Request) -> web.Response:
    """Whose the job with an id is, for somebody who may know it."""
    wanted = query(request, FindQuery).id.strip().rpartition("/")[2]
    async with in_line(request, request.app[LOAD].reads):
        found = await request.app[LOOKUP].find(request[PRINCIPAL], some_job_id(wanted))
    return json_response({"uid": found.uid, "id": found.id})


async def nodes(request: web.Request) -> web.Response:
    """The nodes with their heartbeat counters: a node whose counter changes is alive."""
    nodes = await request.app[SERVICE].nodes(request[PRINCIPAL])
    pause_of = request.app[PAUSES].pause_of
    return json_response(
        {
            "lease_s": request.app[STATISTICS].lease_s,
            "nodes": [
                {**node_document(node, pause_of(node.name)), "beat": node.beat} for node in nodes
            ],
        }
    )
