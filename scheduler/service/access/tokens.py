"""The use cases of tokens: say whose one is, make one, list them, revoke one.

    a request ─▶ principal ─▶ known for at most 5 s ─┬─▶ Principal
                                   │ else            └─▶ Unauthenticated
                                   ▼
                     one look at the store for all that ask: see `known.py`

Nothing else is asked: tokens have their force while the queue is away. Through the queue, other
nodes only tell that one was revoked, so that it is looked up anew at once. Whoever sends such
messages himself causes looks at the store, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scheduler.core.access.audit import Action
from scheduler.core.access.principal import Principal, Right, Role
from scheduler.core.access.token import Secret, Token, new_secret, parsed
from scheduler.core.errors import (
    NoSuchToken,
    QueueUnavailable,
    StoreUnavailable,
    Unauthenticated,
)
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.token_store import TokenStore
from scheduler.service.access.audit import names, recorded
from scheduler.service.access.known import Known
from scheduler.service.access.rights import require

NOTE_USE_EVERY_S: Final = 60.0
"""How often the last use of tokens is written down."""
NO_FORCE: Final = "the token is unknown, has expired or was revoked"
"""The same for all of them: who guesses learns nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just made. Its secret is known to nobody else, and stored nowhere."""

    secret: Secret
    token: Token


class Tokens:
    """The tokens of an installation; `run` must run while it is in use."""

    def __init__(self, store: TokenStore, queue: Queue | None, clock: Clock) -> None:
        """Collaborators.

        Args:
            queue: tells other nodes what is revoked; None for a command that revokes nothing.
        """
        self._store = store
        self._queue = queue
        self._clock = clock
        self._known = Known(self._look, clock, truth=_truth)
        self._uses: dict[str, datetime] = {}
        """The last uses that are not written down yet."""
        self._heard = 0
        """How many revocations were heard."""

    async def run(self) -> None:
        """Look for those who ask, for ever; a background task."""
        await self._known.run()

    async def note_uses(self) -> None:
        """Write down from time to time when tokens were used, for ever; a background task."""
        while True:
            await self._clock.sleep(NOTE_USE_EVERY_S)
            uses, self._uses = self._uses, {}
            try:
                if uses:
                    await self._store.note_use(uses)
            except StoreUnavailable:
                self._uses = uses | self._uses

    async def principal(self, text: str) -> Principal:
        """Who brings a token.

        Raises:
            Unauthenticated: it is none, or has no force.
            StoreUnavailable: that is not known.
        """
        secret = parsed(text)
        if secret is None:
            raise Unauthenticated("this is no token: one begins with atl_ and has 60 characters")
        token = await self._known.get(secret.id)
        now = self._clock.now()
        if token is None or not token.is_of(secret) or not token.valid(now):
            raise Unauthenticated(NO_FORCE)
        self._uses[token.id] = now
        return token.principal

    async def of_session(self, token_id: str) -> Principal | None:
        """Who has logged in with a token; None where it has no force any more.

        Raises:
            StoreUnavailable: that is not known.
        """
        token = await self._known.get(token_id)
        return token.principal if token is not None and token.valid(self._clock.now()) else None

    async def has_force(self, token_id: str) -> bool:
        """Whether a token still has force; true while that is not known."""
        try:
            return await self.of_session(token_id) is not None
        except StoreUnavailable:
            return True

    async def create(
        self,
        by: Principal,
        *,
        name: str,
        role: Role,
        uids: Sequence[str],
        expires_at: datetime | None,
    ) -> NewToken:
        """Make a token.

        Raises:
            Forbidden: somebody may not. Who may has all rights, so no token has more than he.
        """
        require(by, Right.ADMINISTER)
        secret, now = new_secret(), self._clock.now()
        token = Token(
            id=secret.id,
            digest=secret.digest,
            name=name,
            role=role,
            uids=tuple(uids),
            created_at=now,
            created_by=by.name,
            expires_at=expires_at,
        )
        detail = {"name": name, "role": role, "uids": names(set(uids)), "expires_at": expires_at}
        audit = recorded(by, Action.CREATE_TOKEN, at=now, target=token.id, detail=detail)
        await self._store.add(token, audit=audit)
        return NewToken(secret=secret, token=token)

    async def page(self, by: Principal, *, before_id: str | None, limit: int) -> Sequence[Token]:
        """Tokens, newest first.

        Raises:
            Forbidden: somebody may not see them.
        """
        require(by, Right.ADMINISTER)
        return await self._store.page(before_id=before_id, limit=limit)

    async def revoke(self, by: Principal, token_id: str) -> Token:
        """Take a token its force: at once, on other nodes too.

        Where the queue is away, these find out within `known.KNOWN_S`.

        Raises:
            Forbidden: somebody may not.
            NoSuchToken: there is no such token.
        """
        require(by, Right.ADMINISTER)
        now = self._clock.now()
        audit = recorded(by, Action.REVOKE_TOKEN, at=now, target=token_id)
        token = await self._store.revoke(token_id, at=now, audit=audit)
        if token is None:
            raise NoSuchToken(f"there is no token {token_id!r}")
        self._known.note(token_id, token)
        if self._queue is not None:
            with suppress(QueueUnavailable):
                await self._queue.announce_revocation(token_id)
        return token

    async def revocations(self) -> AsyncIterator[str]:
        """Ids of tokens that may have lost their force, as they are heard of; distrusted here."""
        if self._queue is None:
            return
        async for token_id in self._queue.revocations():
            self._known.distrust(token_id)
            yield token_id

    async def _look(self, token_ids: Collection[str]) -> Mapping[str, Token]:
        return {token.id: token for token in await self._store.find(token_ids)}


def _truth(before: Token, now: Token | None) -> Token | None:
    """A revoked token is that for ever: the look may have begun before it was revoked."""
    return now if before.revoked_at is None else before
