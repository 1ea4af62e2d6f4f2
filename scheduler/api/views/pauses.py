"""The views of pauses: pause, resume, list."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.requests import cursor
from scheduler.api.requests.bodies import read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.models import Query
from scheduler.api.requests.pauses import PauseOrder, PausePath, PausesQuery
from scheduler.api.requests.queries import query
from scheduler.api.state import PAUSES, PRINCIPAL
from scheduler.core.errors import Flaw
from scheduler.core.pause import PauseKey
from scheduler.service.documents import pause_document


async def put_pause(request: web.Request) -> web.Response:
    """Pause a handler, a user or a node, or replace the reason and the end of a pause.

    After the answer no new attempt begins of it, on any node. What runs goes on, aborts are done at
    once, and jobs of a paused node run on others. What is named need not be there yet.
    """
    key = _key(request)
    query(request, Query)
    body = await read_order(request) if request.body_exists else {}
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a JSON object with reason, until")])
    order = checked(PauseOrder, body, prefix="/")
    pause = await request.app[PAUSES].put(
        request[PRINCIPAL], key, reason=order.reason, until=order.until
    )
    if pause is None:
        allowed = PauseOrder.model_fields["until"].description
        given = f"got {shown(body['until'])}: it is past by the clock of the store"
        raise refusal([Flaw("/until", f"{given}; allowed: {allowed}")])
    return json_response(pause_document(pause))


async def end_pause(request: web.Request) -> web.Response:
    """End a pause, and show it as it was.

    Its jobs go on soon, in the order that they had. Of a job that another pause covers, too, no
    attempt begins.
    """
    key = _key(request)
    query(request, Query)
    return json_response(pause_document(await request.app[PAUSES].end(request[PRINCIPAL], key)))


async def list_pauses(request: web.Request) -> web.Response:
    """List what is paused, by kind and name; the next ones behind the `Link` header."""
    wanted = query(request, PausesQuery)
    page = await request.app[PAUSES].page(
        request[PRINCIPAL], kind=wanted.kind, after=wanted.after_key, limit=wanted.limit
    )
    headers = {}
    if page.next_after is not None:
        following = {**request.query, "after": cursor.encode_name(str(page.next_after))}
        headers["Link"] = f'<?{urlencode(following)}>; rel="next"'
    return json_response([pause_document(each) for each in page.pauses], headers=headers)


def _key(request: web.Request) -> PauseKey:
    """What the path names."""
    return checked(PausePath, request.match_info, prefix="").key
