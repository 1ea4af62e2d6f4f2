"""Finds out who asks; a class for each `[auth] mode`."""

from __future__ import annotations

from typing import Final, Protocol

from aiohttp import web

from scheduler.core.errors import Unauthenticated
from scheduler.core.principal import EVERYBODY, Principal
from scheduler.service.tokens import Tokens

SCHEME: Final = "bearer "
"""Of the header `Authorization` (RFC 6750); its case does not matter."""


class Authentication(Protocol):
    """Finds out who asks; one for each `[auth] mode`."""

    async def principal(self, request: web.Request) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: that is not told, or not believed.
            StoreUnavailable: it cannot be looked up.
        """
        ...


class NoAuthentication:
    """Mode `none`: everybody may do everything."""

    async def principal(self, request: web.Request) -> Principal:  # noqa: ARG002 - see the protocol
        """See `Authentication`."""
        return EVERYBODY


class TokenAuthentication:
    """Mode `tokens`: each request brings a token."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    async def principal(self, request: web.Request) -> Principal:
        """See `Authentication`."""
        header = request.headers.get("Authorization")
        if header is None:
            raise Unauthenticated(
                "this needs a token, in the header Authorization: Bearer atl_…;"
                " main.py token create makes one"
            )
        if not header[: len(SCHEME)].lower() == SCHEME:
            raise Unauthenticated("the header Authorization has another scheme than Bearer")
        return await self._tokens.principal(header[len(SCHEME) :].strip(" "))
