"""The views of events: Server-Sent Events of one job or of many.

id: 1764084174123-0
event: status                  or progress, log, reset
data: {"id": …}                JSON, on one line
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Final

import orjson
from aiohttp import web

from scheduler.api.requests.models import EventsQuery, UserEventsQuery
from scheduler.api.requests.queries import job_in_path, query
from scheduler.api.state import PAUSES, PRINCIPAL, SERVICE
from scheduler.api.streams import stream
from scheduler.core.change import Position, position
from scheduler.core.job import Job
from scheduler.service.documents import job_outline, line_document, progress_document
from scheduler.service.following.events import (
    UNKNOWN_CHANGE,
    Event,
    LineEvent,
    ProgressEvent,
    ResetEvent,
    StatusEvent,
)

LAST_EVENT_ID: Final = "Last-Event-ID"
HEARTBEAT_S: Final = 15.0
"""The longest silence on a stream: proxies and clients take a longer one for a dead connection."""
PART_BYTES: Final = 32 * 1024
"""Events are sent in parts of about this size."""
KEPT_BYTES_MAX: Final = 16 * 1024
"""A larger event is made anew for each client: a thousand of them must not fill the memory."""
HEARTBEAT: Final = b": heartbeat\n\n"

Told = Callable[[Job], Job]
"""A job with what its user is told that it waits for."""


async def follow_job(request: web.Request) -> web.StreamResponse:
    """Follow what happens to a job, from its present to its end.

    Server-Sent Events: the first one is the job as it is. Who sends `Last-Event-ID` gets what
    came after that event.
    """
    uid, job_id = job_in_path(request)
    wanted = query(request, EventsQuery)
    events = await request.app[SERVICE].follow(
        request[PRINCIPAL], uid, job_id, after=_after(request, wanted), log=wanted.log
    )
    return await stream(request, _text(request, events), content_type="text/event-stream")


async def follow_jobs(request: web.Request) -> web.StreamResponse:
    """Follow what happens to all jobs, or to a user's, from now on.

    Server-Sent Events. List the jobs once the stream is open: then none is missed.
    """
    wanted = query(request, UserEventsQuery)
    events = request.app[SERVICE].follow_all(
        request[PRINCIPAL], wanted.uid, after=_after(request, wanted), log=wanted.log
    )
    return await stream(request, _text(request, events), content_type="text/event-stream")


def _after(request: web.Request, wanted: EventsQuery) -> Position | None:
    """The client's last position; for an id that is not ours, one after which all is unknown."""
    text = request.headers.get(LAST_EVENT_ID) or wanted.last_event_id
    return None if not text else position(text) or Position(UNKNOWN_CHANGE)


async def _text(
    request: web.Request, events: AsyncGenerator[Sequence[Event], None]
) -> AsyncGenerator[bytes, None]:
    """Events as they are sent; a heartbeat first, and later in silence, if there are no events."""
    told = request.app[PAUSES].told
    loop = asyncio.get_running_loop()
    silent_until = loop.time()
    async with aclosing(events):
        async for some in events:
            if some or loop.time() >= silent_until:
                silent_until = loop.time() + HEARTBEAT_S
                for part in _parts(some, told):
                    yield part


def _parts(events: Sequence[Event], told: Told) -> Iterator[bytes]:
    """Events as text, a bounded part at a time: one that a client does not read stays in memory."""
    blocks: list[bytes] = []
    size = 0
    for event in events:
        blocks.append(_block(event, told))
        size += len(blocks[-1])
        if size >= PART_BYTES:
            yield b"".join(blocks)
            blocks, size = [], 0
    if blocks or not events:
        yield b"".join(blocks) or HEARTBEAT


def _block(event: Event, told: Told) -> bytes:
    """An event as text, which is kept for all other clients where it is of a usual size."""
    if event.text is not None:
        return event.text
    text = _rendered(event, told)
    if len(text) <= KEPT_BYTES_MAX:
        event.text = text
    return text


def _rendered(event: Event, told: Told) -> bytes:
    match event:
        case StatusEvent(_, job):
            name, data = "status", job_outline(told(job))
        case ProgressEvent(_, change):
            name, data = "progress", progress_document(change)
        case LineEvent(_, job_id, uid, line):
            name, data = "log", line_document(job_id, uid, line)
        case ResetEvent():
            name, data = "reset", {}
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(event.position).encode(),
        name.encode(),
        orjson.dumps(data),
    )
