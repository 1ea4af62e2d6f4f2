"""The use cases of sessions: log in with a token, say who has a session, log out.

a request ─▶ principal ─▶ known for at most 5 s ─▶ its token, which must have force
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from scheduler.core.access.audit import Action, AuditRecord
from scheduler.core.access.principal import Principal
from scheduler.core.access.session import CHARACTERS, Session, digest, new_text
from scheduler.core.access.token import parsed
from scheduler.core.errors import StoreUnavailable, Unauthenticated
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.token_store import TokenStore
from scheduler.service.access.audit import recorded
from scheduler.service.access.failed_logins import FailedLogins
from scheduler.service.access.known import Known
from scheduler.service.access.tokens import Tokens

NOTE_USE_EVERY: Final = timedelta(minutes=1)
ENDED: Final = "the session has ended: log in again"


class Sessions:
    """The sessions of browsers; `run` must run while it is in use."""

    def __init__(
        self, store: TokenStore, tokens: Tokens, failed: FailedLogins, clock: Clock
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._failed = failed
        self._clock = clock
        self._known = Known(self._look, clock)

    async def run(self) -> None:
        """Look for those who ask, for ever; a background task."""
        await self._known.run()

    async def login(self, token: str, *, client: str | None = None) -> str:
        """Begin a session with the rights of a token; its text, which nobody else has.

        Args:
            token: what somebody logs in with.
            client: the address that they ask from.

        Raises:
            Unauthenticated: the token has no force.
        """
        try:
            principal = await self._tokens.principal(token)
        except Unauthenticated:
            secret = parsed(token)
            await self._failed.note(client, None if secret is None else secret.id)
            raise
        assert principal.token_id is not None  # noqa: S101 - it brought one
        text, now = new_text(), self._clock.now()
        session = Session(
            digest=digest(text), token_id=principal.token_id, created_at=now, used_at=now
        )
        by = replace(principal, client=client)
        await self._store.add_session(session, audit=recorded(by, Action.LOGIN, at=now))
        self._known.note(session.digest, session)
        return text

    async def principal(self, text: str) -> Principal:
        """Who has a session.

        Raises:
            Unauthenticated: there is none with this text, or it has ended, or its token.
            StoreUnavailable: that is not known.
        """
        session = await self._known.get(digest(text)) if len(text) == CHARACTERS else None
        now = self._clock.now()
        if session is None or not session.valid(now):
            raise Unauthenticated(ENDED)
        principal = await self._tokens.of_session(session.token_id)
        if principal is None:
            raise Unauthenticated(ENDED)
        if now - session.used_at >= NOTE_USE_EVERY:
            self._known.correct(session.digest, replace(session, used_at=now))
            with suppress(StoreUnavailable):  # noted some seconds later then
                await self._store.note_session_use(session.digest, at=now)
        return replace(principal, session=session.digest)

    async def has_force(self, key: str) -> bool:
        """Whether the session with this digest has not ended; true while that is not known."""
        try:
            session = await self._known.get(key)
        except StoreUnavailable:
            return True
        return session is not None and session.valid(self._clock.now())

    async def logout(self, text: str, *, client: str | None = None) -> None:
        """End a session: here at once, on other nodes within `known.KNOWN_S`."""
        key, now = digest(text), self._clock.now()
        audit = await self._recorded_logout(key, client, now)
        self._known.forget(key)
        await self._store.end_session(key, at=now, audit=audit)
        self._known.forget(key)  # it may have been looked up meanwhile

    async def _recorded_logout(
        self, key: str, client: str | None, at: datetime
    ) -> Sequence[AuditRecord]:
        """Nothing where the session had ended before, by itself or with its token."""
        session = await self._known.get(key)
        if session is None or not session.valid(at):
            return ()
        principal = await self._tokens.of_session(session.token_id)
        if principal is None:
            return ()
        return recorded(replace(principal, session=key, client=client), Action.LOGOUT, at=at)

    async def _look(self, digests: Collection[str]) -> Mapping[str, Session]:
        return {session.digest: session for session in await self._store.sessions(digests)}
