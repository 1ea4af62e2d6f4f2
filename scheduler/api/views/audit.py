"""The view of the audit log."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.requests import cursor
from scheduler.api.requests.audit import AuditQuery
from scheduler.api.requests.queries import query
from scheduler.api.state import AUDIT, PRINCIPAL
from scheduler.service.documents import audit_document


async def list_audit(request: web.Request) -> web.Response:
    """List who did what, newest first; the older records behind the `Link` header.

    Filters can be combined. No record has the data of a job, or a secret.
    """
    wanted = query(request, AuditQuery)
    page = await request.app[AUDIT].page(
        request[PRINCIPAL], wanted.which, before_id=wanted.after, limit=wanted.limit
    )
    headers = {}
    if page.next_before is not None:
        following = {**request.query, "after": cursor.encode(page.next_before)}
        headers["Link"] = f'<?{urlencode(following)}>; rel="next"'
    return json_response([audit_document(each) for each in page.records], headers=headers)
