"""A `TokenStore` in a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.session import SESSIONS_MAX, Session
from scheduler.core.access.token import Token
from tests.fakes.audit import MemoryAudit


class MemoryTokens:
    """A `TokenStore` in a dictionary.

    Args:
        answer: called first by each method; it raises while the store is away.
        audit: gets what is stored of the calls that have an effect.
    """

    def __init__(self, answer: Callable[[], None], audit: MemoryAudit) -> None:
        self.tokens: dict[str, Token] = {}
        self.stored_sessions: dict[str, Session] = {}
        self._answer = answer
        self._audit = audit

    async def add(self, token: Token, *, audit: Sequence[AuditRecord] = ()) -> bool:
        self._answer()
        if token.id in self.tokens:
            return False
        self.tokens[token.id] = token
        self._audit.store(audit)
        return True

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

    async def revoke(
        self, token_id: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> Token | None:
        self._answer()
        token = self.tokens.get(token_id)
        if token is not None and token.revoked_at is None:
            token = self.tokens[token_id] = replace(token, revoked_at=at)
            self._audit.store(audit)
        return token

    async def add_session(self, session: Session, *, audit: Sequence[AuditRecord] = ()) -> None:
        self._answer()
        if session.digest not in self.stored_sessions:
            self.stored_sessions[session.digest] = session
            self._audit.store(audit)
        self._forget_ended(session.created_at)
        ours = [each for each in self.stored_sessions.values() if each.token_id == session.token_id]
        for each in sorted(ours, key=_use, reverse=True)[SESSIONS_MAX:]:
            del self.stored_sessions[each.digest]

    async def sessions(self, digests: Collection[str]) -> Sequence[Session]:
        self._answer()
        return [self.stored_sessions[each] for each in digests if each in self.stored_sessions]

    async def note_session_use(self, digest: str, *, at: datetime) -> None:
        self._answer()
        session = self.stored_sessions.get(digest)
        if session is not None and session.used_at < at:
            self.stored_sessions[digest] = replace(session, used_at=at)

    async def end_session(
        self, digest: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> None:
        self._answer()
        if self.stored_sessions.pop(digest, None) is not None:
            self._audit.store(audit)
        self._forget_ended(at)

    async def job_secret(self) -> str:
        self._answer()
        return 32 * "5e"

    async def note_use(self, uses: Mapping[str, datetime]) -> None:
        self._answer()
        for token_id, at in uses.items():
            token = self.tokens.get(token_id)
            if token is not None and (token.used_at is None or token.used_at < at):
                self.tokens[token_id] = replace(token, used_at=at)

    def _forget_ended(self, at: datetime) -> None:
        self.stored_sessions = {
            key: each for key, each in self.stored_sessions.items() if each.valid(at)
        }


def _age(token: Token) -> tuple[datetime, str]:
    return token.created_at, token.id


def _use(session: Session) -> tuple[datetime, datetime]:
    return session.used_at, session.created_at
