"""The view of what a job printed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web

from scheduler.api.requests.models import LogQuery
from scheduler.api.requests.queries import job_in_path, query
from scheduler.api.state import PRINCIPAL, SERVICE
from scheduler.api.streams import stream
from scheduler.core.access.principal import Principal
from scheduler.service.documents import instant
from scheduler.service.service import Service


async def read_log(request: web.Request) -> web.StreamResponse:
    """Read what a job printed and logged, as far as it got or until it is over.

    Each line begins with its time and its stream. With `follow` the answer goes on until the
    job is over.
    """
    uid, job_id = job_in_path(request)
    follow = query(request, LogQuery).follow
    text = _text(request.app[SERVICE], request[PRINCIPAL], uid, job_id, follow=follow)
    return await stream(request, text, content_type="text/plain")


async def _text(
    service: Service, by: Principal, uid: str, job_id: str, *, follow: bool
) -> AsyncGenerator[bytes, None]:
    async with aclosing(service.log(by, uid, job_id, follow=follow)) as log:
        async for lines in log:
            shown = (f"{instant(line.at)} {line.stream} {line.text}\n" for line in lines)
            yield "".join(shown).encode()
