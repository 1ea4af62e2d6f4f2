"""The views of tokens: make, list, revoke."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from aiohttp import web

from scheduler.api.json_response import json_response
from scheduler.api.requests.bodies import read_order
from scheduler.api.requests.checking import checked, refusal, shown
from scheduler.api.requests.models import Query, TokenOrder, TokenPath, TokensQuery
from scheduler.api.requests.queries import query
from scheduler.api.state import PRINCIPAL, TOKENS
from scheduler.core.access.token import ID
from scheduler.core.errors import Flaw, NoSuchToken
from scheduler.service.documents import token_document


async def create_token(request: web.Request) -> web.Response:
    """Make a token, and show its secret this once.

    Keep what `token` has: only its digest is stored. Clients send it as `Authorization: Bearer …`.
    """
    query(request, Query)
    body = await read_order(request)
    if not isinstance(body, dict):
        raise refusal([Flaw("", f"got {shown(body)}; allowed: a JSON object with name and role")])
    order = checked(TokenOrder, body, prefix="/")
    made = await request.app[TOKENS].create(
        request[PRINCIPAL],
        name=order.name,
        role=order.role,
        uids=order.uids,
        expires_at=order.expires_at,
    )
    return json_response({**token_document(made.token), "token": made.secret.text}, status=201)


async def list_tokens(request: web.Request) -> web.Response:
    """List tokens, newest first, whether they have force or not.

    None has its secret, which nobody but its bearer knows.
    """
    wanted = query(request, TokensQuery)
    found = await request.app[TOKENS].page(
        request[PRINCIPAL], before_id=wanted.after, limit=wanted.limit + 1
    )
    page = found[: wanted.limit]
    following = urlencode({**request.query, "after": page[-1].id}) if len(found) > len(page) else ""
    headers = {"Link": f'<?{following}>; rel="next"'} if following else {}
    return json_response([token_document(each) for each in page], headers=headers)


async def revoke_token(request: web.Request) -> web.Response:
    """Revoke a token: it has no force any more, on all nodes within five seconds.

    What its bearer streams or waits for ends as well. Jobs that it has submitted go on.
    """
    path = checked(TokenPath, request.match_info, prefix="")
    query(request, Query)
    if not re.fullmatch(ID, path.id):  # the store is never asked for one that it cannot have
        raise NoSuchToken(f"there is no token {shown(path.id)}")
    revoked = await request.app[TOKENS].revoke(request[PRINCIPAL], path.id)
    return json_response(token_document(revoked))
