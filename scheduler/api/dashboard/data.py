"""The JSON that the page requests besides the public API. All of it is read-only."""

from __future__ import annotations

from aiohttp import web

from scheduler.api.dashboard.documents import (
    principal_document,
    samples_document,
    statistics_document,
)
from scheduler.api.json_response import json_response
from scheduler.api.requests.models import MatchQuery, OneOrAll, Query
from scheduler.api.requests.queries import query
from scheduler.api.state import PAUSES, PRINCIPAL, SERVICE, STATISTICS
from scheduler.service.documents import node_document
from scheduler.service.statistics import COUNT_MAX


class MatchAllQuery(MatchQuery):
    """Selects jobs of one user or of all."""

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
        request[PRINCIPAL], which.uid, statuses=which.status, task=which.task
    )
    return json_response({"users": users, "exact": sum(users.values()) < COUNT_MAX})


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
