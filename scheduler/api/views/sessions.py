"""The views of sessions: a browser logs in with a token, and out."""

from __future__ import annotations

from aiohttp import web

from scheduler.api.access.cookies import cookie
from scheduler.api.json_response import json_response
from scheduler.api.requests.bodies import read_order
from scheduler.api.requests.checking import checked, refusal
from scheduler.api.requests.models import Login, Query
from scheduler.api.requests.queries import query
from scheduler.api.state import CLIENTS, FAILURES, PATH_PREFIX, SESSION_COOKIE, SESSIONS
from scheduler.core.access.session import LONGEST
from scheduler.core.errors import Flaw, Unauthenticated


async def login(request: web.Request) -> web.Response:
    """Log in with a token: the answer sets a cookie for browsers.

    The cookie has the rights of the token, for as long as that has force: at most 7 days, and 8
    hours without use. Programs send the token itself with each request instead.
    """
    query(request, Query)
    body = await read_order(request)
    if not isinstance(body, dict):
        raise refusal([Flaw("", "this is no JSON object; allowed: one with a token")])
    text = await _session(request, checked(Login, body, prefix="/").token)
    answer = json_response({"status": "logged in"})
    answer.set_cookie(
        request.app[SESSION_COOKIE],
        text,
        max_age=int(LONGEST.total_seconds()),
        path=request.app[PATH_PREFIX] or "/",
        secure=_by_https(request),
        httponly=True,
        samesite="Strict",
    )
    return answer


async def logout(request: web.Request) -> web.Response:
    """Log out: the session of the cookie ends, and the cookie goes.

    Without a session, nothing happens.
    """
    query(request, Query)
    name = request.app[SESSION_COOKIE]
    if text := cookie(request, name):
        client = request.app[CLIENTS].address(request)
        await request.app[SESSIONS].logout(text, client=client)
    answer = json_response({"status": "logged out"}, headers={"Clear-Site-Data": '"cache"'})
    # Browsers take the end of a cookie whose name begins with __Host- only with Secure.
    answer.del_cookie(name, path=request.app[PATH_PREFIX] or "/", secure=_by_https(request))
    return answer


async def _session(request: web.Request, token: str) -> str:
    try:
        return await request.app[SESSIONS].login(
            token, client=request.app[CLIENTS].address(request)
        )
    except Unauthenticated as error:
        request.app[FAILURES].note(request, error)
        raise


def _by_https(request: web.Request) -> bool:
    """Whether the browser asks by https: this node itself, or a proxy in front, by `Origin`."""
    return request.secure or request.headers.get("Origin", "").startswith("https://")
