"""Finds out who asks; a class for each `[auth] mode`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Protocol

from aiohttp import web

from scheduler.api.access.addresses import peer
from scheduler.api.access.cookies import cookie
from scheduler.api.access.job_tokens import JobTokens
from scheduler.core.access.job_token import has_form
from scheduler.core.access.principal import EVERYBODY, Grant, Principal
from scheduler.core.errors import Unauthenticated
from scheduler.service.access.sessions import Sessions
from scheduler.service.access.tokens import Tokens

SCHEME: Final = "bearer "
"""Of the header `Authorization` (RFC 6750); its case does not matter."""
USER: Final = "X-Forwarded-User"
GROUPS: Final = "X-Forwarded-Groups"
"""With commas between them, as OAuth2 Proxy and others write it."""
NAME: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
"""Of a user, as of a token. What is not UTF-8 comes as surrogates, which no store takes."""
BLANKS: Final = " \t"
"""What HTTP has around a value; other white space is a part of it, and makes another name."""


class Authentication(Protocol):
    """Finds out who asks; one for each `[auth] mode`."""

    async def principal(self, request: web.Request) -> Principal:
        """Who asks.

        Raises:
            Unauthenticated: that is not told, or not believed.
            StoreUnavailable: it cannot be looked up.
        """
        ...

    async def has_force(self, token_id: str) -> bool:
        """Whether the token of a principal still has force; true while that is not known."""
        ...


class NoAuthentication:
    """Mode `none`: everybody may do everything."""

    async def principal(self, request: web.Request) -> Principal:  # noqa: ARG002 - see the protocol
        """See `Authentication`."""
        return EVERYBODY

    async def has_force(self, token_id: str) -> bool:  # noqa: ARG002 - see the protocol
        """See `Authentication`."""
        return True


class TokenAuthentication:
    """Mode `tokens`: each request brings a token, or the cookie of a session.

    Args:
        tokens: finds out who brings a token.
        job_tokens: finds out which job brings one.
        sessions: finds out who has a session.
        cookie: the name of the cookie, of this installation alone.
    """

    def __init__(
        self, tokens: Tokens, job_tokens: JobTokens, sessions: Sessions, cookie: str
    ) -> None:
        self._tokens = tokens
        self._job_tokens = job_tokens
        self._sessions = sessions
        self._cookie = cookie

    async def principal(self, request: web.Request) -> Principal:
        """See `Authentication`."""
        if header := _once(request, "Authorization"):
            if not _is_bearer(header):
                raise Unauthenticated("the header Authorization has another scheme than Bearer")
            token = header[len(SCHEME) :].strip(" ")
            return await (self._job_tokens if has_form(token) else self._tokens).principal(token)
        if text := cookie(request, self._cookie):
            return await self._sessions.principal(text)
        raise Unauthenticated("this needs a token, in the header Authorization: Bearer atl_…")

    async def has_force(self, token_id: str) -> bool:
        """See `Authentication`."""
        of_job = token_id.startswith("job:")
        return await (self._job_tokens if of_job else self._tokens).has_force(token_id)


class ProxyAuthentication:
    """Mode `proxy`: a proxy in front has found out who asks, and says so in two headers.

    Requests from elsewhere, and those of programs, bring a token.

    Args:
        proxies: the networks of the proxies. From anywhere else the headers mean nothing.
        groups: what the members of a group may do.
        tokens: finds out who brings a token.
    """

    def __init__(
        self,
        proxies: Sequence[IPv4Network | IPv6Network],
        groups: Mapping[str, Grant],
        tokens: TokenAuthentication,
    ) -> None:
        self._proxies = proxies
        self._groups = groups
        self._tokens = tokens

    async def principal(self, request: web.Request) -> Principal:
        """See `Authentication`."""
        if _is_bearer(_once(request, "Authorization")) or not self._is_proxy(request):
            return await self._tokens.principal(request)
        user = _once(request, USER)
        if not user:
            raise Unauthenticated(f"the proxy sent no {USER}, and the request brings no token")
        if not NAME.fullmatch(user):
            raise Unauthenticated(
                f"the header {USER} has no name; allowed: 1 to 200 characters in UTF-8 without"
                " control characters"
            )
        names = {name.strip(BLANKS) for name in _once(request, GROUPS).split(",")}
        grants = tuple(grant for group, grant in self._groups.items() if group in names)
        return Principal(name=user, grants=grants)

    async def has_force(self, token_id: str) -> bool:
        """See `Authentication`."""
        return await self._tokens.has_force(token_id)

    def _is_proxy(self, request: web.Request) -> bool:
        address = peer(request)
        return address is not None and any(address in network for network in self._proxies)


def _once(request: web.Request, name: str) -> str:
    """A header that says who asks; twice, one may be the client's, and one that of a proxy."""
    given = request.headers.getall(name, ())
    if len(given) > 1:
        raise Unauthenticated(f"the header {name} came {len(given)} times; allowed: once")
    return given[0].strip(BLANKS) if given else ""


def _is_bearer(header: str) -> bool:
    return header[: len(SCHEME)].lower() == SCHEME
