"""The one gate: who asks is found out before a view is called, and before a body is read.

    route's right ─┐
    Authorization ─┴▶ principal ─▶ the view, which asks the service as this principal
                         │
                         ├─ 401   without a token, or with one that has no force
                         ├─ 429   the same, from where too many have failed: see `failures.py`
                         └─ 403   whose role has not the right

Which users' jobs the principal may touch is the service's to say. A request that takes long, such
as a stream or a wait, ends once its token loses its force, or the session with which it came ends:
at once where a revocation is heard, and else when it is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Final

from aiohttp import web

from scheduler.api.access.authentication import Authentication
from scheduler.api.access.clients import Clients
from scheduler.api.access.failures import Failures
from scheduler.api.state import PRINCIPAL
from scheduler.core.access.principal import Principal, Right
from scheduler.core.errors import Unauthenticated
from scheduler.core.ports.clock import Clock
from scheduler.service.access.rights import require
from scheduler.service.access.sessions import ENDED, Sessions
from scheduler.service.access.tokens import NO_FORCE, Tokens

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOK_S: Final = 5.0
"""How often the tokens of open requests are looked at. With what a node still trusts of a revoked
one (`service.access.known.KNOWN_S`), a stream ends within twice that."""


class Gate:
    """Lets requests in, and ends those whose tokens lose their force.

    `run` and `hear` must run meanwhile.
    """

    def __init__(
        self,
        authentication: Authentication,
        tokens: Tokens,
        sessions: Sessions,
        clients: Clients,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._clients = clients
        self._tokens = tokens
        self._sessions = sessions
        self._clock = clock
        self.failures = Failures(clock)
        self._open: dict[asyncio.Timeout, str] = {}
        """The tokens of the requests that are served now."""
        self._in_session: dict[asyncio.Timeout, str] = {}
        """Their sessions, of those that came with one."""

    async def run(self) -> None:
        """Look for ever; a background task."""
        while True:
            await self._clock.sleep(LOOK_S)
            for token_id in set(self._open.values()):
                await self._look(token_id)
            for session in set(self._in_session.values()):
                if not await self._sessions.has_force(session):
                    _end(self._in_session, session)

    async def hear(self) -> None:
        """Look at once at tokens that were revoked, for ever; a background task."""
        async for token_id in self._tokens.revocations():
            if token_id in self._open.values():
                await self._look(token_id)

    async def _look(self, token_id: str) -> None:
        if not await self._authentication.has_force(token_id):
            _end(self._open, token_id)

    def guarded(self, view: View, right: Right) -> View:
        """A view that is called only for those who have a right."""
        if right is Right.OPEN:
            return view

        @wraps(view)
        async def asked(request: web.Request) -> web.StreamResponse:
            principal = await self._principal(request)
            require(principal, right)
            request[PRINCIPAL] = replace(principal, client=self._clients.address(request))
            if principal.token_id is None:
                return await view(request)
            return await self._while_it_has_force(principal, principal.token_id, view, request)

        return asked

    async def _principal(self, request: web.Request) -> Principal:
        try:
            return await self._authentication.principal(request)
        except Unauthenticated as error:
            if "Authorization" in request.headers:  # what brings no token costs no look
                self.failures.note(request, error)
            raise

    async def _while_it_has_force(
        self, principal: Principal, token_id: str, view: View, request: web.Request
    ) -> web.StreamResponse:
        try:
            async with asyncio.timeout(None) as timeout:
                self._open[timeout] = token_id
                if principal.session is not None:
                    self._in_session[timeout] = principal.session
                try:
                    return await view(request)
                finally:
                    del self._open[timeout]
                    self._in_session.pop(timeout, None)
        except TimeoutError:
            if not timeout.expired():
                raise
            why = NO_FORCE if principal.session is None else ENDED
            if request.writer.output_size:
                raise ConnectionAbortedError(why) from None  # the answer has begun
            raise Unauthenticated(why) from None


def _end(those: Mapping[asyncio.Timeout, str], ended: str) -> None:
    now = asyncio.get_running_loop().time()
    for timeout, each in those.items():
        if each == ended and not timeout.expired():  # an ended view may still clean up
            timeout.reschedule(now)
