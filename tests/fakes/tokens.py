"""A `TokenStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.core.session import Session
from scheduler.core.token import Token


class MemoryTokens:
    """A `TokenStore` in a dictionary.

    Args:
        answer: called first by each method; it raises while the store is away.
    """

    def __init__(self, answer: Callable[[], None]) -> None:
        self.tokens: dict[str, Token] = {}
        self.sessions: dict[str, Session] = {}
        self._answer = answer

    async def add(self, token: Token) -> bool:
        self._answer()
        return self.tokens.setdefault(token.id, token) is token

    async def find(self, token_ids: Collection[str]) -> Sequence[Token]:
        self._answer()
        return [self.tokens[each] for each in set(token_ids) if each in self.tokens]

    async def page(self, *, before_id: str | None = None, limit: int) -> Sequence[Token]:
        self._answer()
        newest = sorted(self.tokens.values(), key=_age, reverse=True)
        if before_id is not None:
            before = self.tokens.get(before_id)
            newest = [each for each in newest if before and _age(each) < _age(before)]
        return newest[:limit]

    async def revoke(self, token_id: str, *, at: datetime) -> Token | None:
        self._answer()
        if (token := self.tokens.get(token_id)) is not None:
            token = replace(token, revoked_at=token.revoked_at or at)
            self.tokens[token_id] = token
        return token

    async def add_session(self, session: Session) -> None:
        self._answer()
        self.sessions.setdefault(session.digest, session)

    async def session(self, digest: str) -> Session | None:
        self._answer()
        return self.sessions.get(digest)

    async def note_session_use(self, digest: str, *, at: datetime) -> None:
        self._answer()
        session = self.sessions.get(digest)
        if session is not None and session.used_at < at:
            self.sessions[digest] = replace(session, used_at=at)

    async def end_session(self, digest: str, *, at: datetime) -> None:
        self._answer()
        self.sessions.pop(digest, None)
        self.sessions = {key: each for key, each in self.sessions.items() if each.valid(at)}

    async def job_secret(self) -> str:
        self._answer()
        return 32 * "5e"

    async def note_use(self, uses: Mapping[str, datetime]) -> None:
        self._answer()
        for token_id, at in uses.items():
            token = self.tokens.get(token_id)
            if token is not None and (token.used_at is None or token.used_at < at):
                self.tokens[token_id] = replace(token, used_at=at)


def _age(token: Token) -> tuple[datetime, str]:
    return token.created_at, token.id
