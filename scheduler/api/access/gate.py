"""The one gate: who asks is found out before a view is called, and before a body is read.

    route's right ─┐
    Authorization ─┴▶ principal ─▶ the view, which asks the service as this principal
                         │
                         ├─ 401   without a token, or with one that has no force
                         └─ 403   whose role has not the right

Which users' jobs the principal may touch is the service's to say.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from aiohttp import web

from scheduler.api.state import AUTHENTICATION, PRINCIPAL
from scheduler.core.principal import Right
from scheduler.service.rights import require

View = Callable[[web.Request], Awaitable[web.StreamResponse]]


def guarded(view: View, right: Right) -> View:
    """A view that is called only for those who have a right."""
    if right is Right.OPEN:
        return view

    @wraps(view)
    async def asked(request: web.Request) -> web.StreamResponse:
        principal = await request.app[AUTHENTICATION].principal(request)
        require(principal, right)
        request[PRINCIPAL] = principal
        return await view(request)

    return asked
