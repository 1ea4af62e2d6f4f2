"""The use cases of tokens: say whose one is, make one, list them, revoke one.

    a request ─▶ principal ─▶ known for at most 5 s ─┬─▶ Principal
                                   │ else            └─▶ Unauthenticated
                                   ▼
                     one look at the store for all that ask

Nothing else is asked: tokens have their force while the queue is away. Through the queue, other
nodes only tell that one was revoked, so that it is looked up anew at once. Whoever sends such
messages himself causes looks at the store, and nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from scheduler.basics.batch import Batch
from scheduler.core.errors import (
    NoSuchToken,
    QueueUnavailable,
    StoreUnavailable,
    Unauthenticated,
)
from scheduler.core.ports.clock import Clock
from scheduler.core.ports.queue import Queue
from scheduler.core.ports.token_store import TokenStore
from scheduler.core.principal import Principal, Right, Role
from scheduler.core.token import Secret, Token, new_secret, parsed
from scheduler.service.rights import require

KNOWN_S: Final = 5.0
"""How long a node trusts what it has read of a token: so long may a revoked one have force, where
the queue is away."""
KNOWN_MAX: Final = 10_000
"""How many tokens a node knows: whoever sends nonsense must not fill its memory."""
LOOK_MAX: Final = 500
"""Tokens of one look at the store."""
NOTE_USE_EVERY_S: Final = 60.0
"""How often the last use of tokens is written down."""
NO_FORCE: Final = "the token is unknown, has expired or was revoked"
"""The same for all of them: who guesses learns nothing."""


class _Known(NamedTuple):
    """What the store said of a token."""

    token: Token | None
    until: float
    """By `Clock.monotonic`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A token that was just made. Its secret is known to nobody else, and stored nowhere."""

    secret: Secret
    token: Token


class Tokens:
    """The tokens of an installation; `run` must run while it is in use."""

    def __init__(self, store: TokenStore, queue: Queue, clock: Clock) -> None:
        self._store = store
        self._queue = queue
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._look = Batch(self._look_for_all, weight_max=LOOK_MAX)
        self._uses: dict[str, datetime] = {}
        """The last uses that are not written down yet."""
        self._heard = 0
        """How many revocations were heard."""

    async def run(self) -> None:
        """Look for those who ask, for ever; a background task."""
        await self._look.serve()

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
        token = await self._token(secret.id)
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
        token = await self._token(token_id)
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
        secret = new_secret()
        token = Token(
            id=secret.id,
            digest=secret.digest,
            name=name,
            role=role,
            uids=tuple(uids),
            created_at=self._clock.now(),
            created_by=by.name,
            expires_at=expires_at,
        )
        await self._store.add(token)
        return NewToken(secret=secret, token=token)

    async def page(self, by: Principal, *, before_id: str | None, limit: int) -> Sequence[Token]:
        """Tokens, newest first.

        Raises:
            Forbidden: somebody may not see them.
        """
        require(by, Right.ADMINISTER)
        return await self._store.page(before_id=before_id, limit=limit)

    async def revoke(self, by: Principal, token_id: str) -> Token:
        """Take a token its force: at once, or within `KNOWN_S` on other nodes if the queue is away.

        Raises:
            Forbidden: somebody may not.
            NoSuchToken: there is no such token.
        """
        require(by, Right.ADMINISTER)
        token = await self._store.revoke(token_id, at=self._clock.now())
        if token is None:
            raise NoSuchToken(f"there is no token {token_id!r}")
        self._know(token_id, token, self._clock.monotonic() + KNOWN_S)
        with suppress(QueueUnavailable):
            await self._queue.announce_revocation(token_id)
        return token

    async def revocations(self) -> AsyncIterator[str]:
        """Ids of tokens that may have lost their force, as they are heard of; forgotten here."""
        async for token_id in self._queue.revocations():
            self._heard += 1
            if self._revoked(token_id) is None:
                self._known.pop(token_id, None)
            yield token_id

    async def _token(self, token_id: str) -> Token | None:
        known = self._known.get(token_id)
        if known is None or known.until <= self._clock.monotonic():
            return await self._look(token_id)
        return known.token

    async def _look_for_all(self, token_ids: Sequence[str]) -> Sequence[Token | None]:
        """Read tokens. What is known of them lasts from before the look on."""
        heard, now = self._heard, self._clock.monotonic()
        found = {token.id: token for token in await self._store.find(set(token_ids))}
        # What was read may be from before a revocation that was heard since: then it is not kept.
        until = now + KNOWN_S if heard == self._heard else now
        return [self._know(each, found.get(each), until) for each in token_ids]

    def _know(self, token_id: str, token: Token | None, until: float) -> Token | None:
        """Keep what the store said, and return what is true."""
        # The look may have begun before the token was revoked, which is for ever.
        token = self._revoked(token_id) or token
        self._known.pop(token_id, None)
        self._known[token_id] = _Known(token, until)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)
        return token

    def _revoked(self, token_id: str) -> Token | None:
        """A token that is known to be revoked."""
        known = self._known.get(token_id)
        token = None if known is None else known.token
        return None if token is None or token.revoked_at is None else token
