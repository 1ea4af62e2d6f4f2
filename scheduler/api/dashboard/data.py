"""The JSON that the page requests besides the public API. All of it is read-only."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from scheduler.api.dashboard.documents import samples_document, statistics_document
from scheduler.api.json_response import json_response
from scheduler.api.limits.lines import in_line
from scheduler.api.requests import cursor
from scheduler.api.requests.models import MatchQuery, PageQuery, Query, Uid
from scheduler.api.requests.queries import query
from scheduler.api.state import LOAD, SERVICE, STATISTICS
from scheduler.service.documents import job_outline, node_document
from scheduler.service.statistics import COUNT_MAX

OneOrAll = Annotated[Uid | None, Field(description="a user, 1 to 200 characters")]


class MatchAllQuery(MatchQuery):
    """Selects jobs of one user or of all."""

    uid: OneOrAll = None


class ListAllQuery(PageQuery):
    """Selects jobs of one user or of all, page by page."""

    uid: OneOrAll = None


async def overview(request: web.Request) -> web.Response:
    """The statistics of the whole installation."""
    query(request, Query)
    return json_response(statistics_document(await request.app[STATISTICS].statistics()))


async def samples(request: web.Request) -> web.Response:
    """How many jobs were queued and ran lately, as far as this node remembers."""
    query(request, Query)
    return json_response(samples_document(request.app[STATISTICS].samples()))


async def jobs(request: web.Request) -> web.Response:
    """Jobs of one user or of all, without data and results, and the cursor of the next page."""
    wanted = query(request, ListAllQuery)
    async with in_line(request, request.app[LOAD].lists):
        page = await request.app[SERVICE].page(
            wanted.uid,
            statuses=wanted.status,
            task=wanted.task,
            before_id=wanted.after,
            limit=wanted.limit,
        )
    return json_response(
        {
            "jobs": [job_outline(job) for job in page.jobs],
            "next": page.next_before and cursor.encode(page.next_before),
        }
    )


async def unfinished(request: web.Request) -> web.Response:
    """How many jobs of each user an abort of all that match would affect."""
    which = query(request, MatchAllQuery)
    users = await request.app[STATISTICS].unfinished(
        which.uid, statuses=which.status, task=which.task
    )
    return json_response({"users": users, "exact": sum(users.values()) < COUNT_MAX})


async def nodes(request: web.Request) -> web.Response:
    """The nodes with their heartbeat counters: a node whose counter changes is alive."""
    nodes = await request.app[SERVICE].nodes()
    return json_response(
        {
            "lease_s": request.app[STATISTICS].lease_s,
            "nodes": [{**node_document(node), "beat": node.beat} for node in nodes],
        }
    )
