"""The one gate: who asks is found out before a view is called, and before a body is read.

    route's right ─┐
    Authorization ─┴▶ principal ─▶ the view, which asks the service as this principal
                         │
                         ├─ 401   without a token, or with one that has no force
                         └─ 403   whose role has not the right

Which users' jobs the principal may touch is the service's to say. A request that takes long, such
as a stream or a wait, ends once its token loses its force: at once where that is heard, and else
when it is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Final

from aiohttp import web

from scheduler.api.access.authentication import Authentication
from scheduler.api.state import PRINCIPAL
from scheduler.core.errors import Unauthenticated
from scheduler.core.ports.clock import Clock
from scheduler.core.principal import Right
from scheduler.service.rights import require
from scheduler.service.tokens import NO_FORCE, Tokens

View = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOK_S: Final = 5.0
"""How often the tokens of open requests are looked at. With what a node still trusts of a revoked
one (`service.tokens.KNOWN_S`), a stream ends within twice that."""


class Gate:
    """Lets requests in, and ends those whose tokens lose their force.

    `run` and `hear` must run meanwhile.
    """

    def __init__(self, authentication: Authentication, tokens: Tokens, clock: Clock) -> None:
        self._authentication = authentication
        self._tokens = tokens
        self._clock = clock
        self._open: dict[asyncio.Timeout, str] = {}
        """The tokens of the requests that are served now."""

    async def run(self) -> None:
        """Look for ever; a background task."""
        while True:
            await self._clock.sleep(LOOK_S)
            for token_id in set(self._open.values()):
                await self._look(token_id)

    async def hear(self) -> None:
        """Look at once at tokens that were revoked, for ever; a background task."""
        async for token_id in self._tokens.revocations():
            if token_id in self._open.values():
                await self._look(token_id)

    async def _look(self, token_id: str) -> None:
        if not await self._authentication.has_force(token_id):
            self._end(token_id)

    def guarded(self, view: View, right: Right) -> View:
        """A view that is called only for those who have a right."""
        if right is Right.OPEN:
            return view

        @wraps(view)
        async def asked(request: web.Request) -> web.StreamResponse:
            principal = await self._authentication.principal(request)
            require(principal, right)
            request[PRINCIPAL] = principal
            if principal.token_id is None:
                return await view(request)
            return await self._while_it_has_force(principal.token_id, view, request)

        return asked

    async def _while_it_has_force(
        self, token_id: str, view: View, request: web.Request
    ) -> web.StreamResponse:
        try:
            async with asyncio.timeout(None) as timeout:
                self._open[timeout] = token_id
                try:
                    return await view(request)
                finally:
                    del self._open[timeout]
        except TimeoutError:
            if not timeout.expired():
                raise
            if request.writer.output_size:
                raise ConnectionAbortedError(NO_FORCE) from None  # the answer has begun
            raise Unauthenticated(NO_FORCE) from None

    def _end(self, token_id: str) -> None:
        now = asyncio.get_running_loop().time()
        for timeout, each in self._open.items():
            if each == token_id:
                timeout.reschedule(now)
