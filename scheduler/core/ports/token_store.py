"""The port to the stored tokens and sessions, a part of the store; see the package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.session import Session
from scheduler.core.access.token import Token


class TokenStore(Protocol):
    """The tokens by which clients say who they are. None is ever deleted.

    Where a call has an effect, its `audit` is stored in the same transaction, and nowhere else.
    """

    async def add(self, token: Token, *, audit: Sequence[AuditRecord] = ()) -> bool:
        """Store a token, and say whether. Where one has its id already, nothing changes."""
        ...

    async def find(self, token_ids: Collection[str]) -> Sequence[Token]:
        """Those of the tokens that exist, whether they have force or not."""
        ...

    async def page(self, *, before_id: str | None = None, limit: int) -> Sequence[Token]:
        """Tokens, newest first; with `before_id`, those that were made before that one."""
        ...

    async def revoke(
        self, token_id: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> Token | None:
        """Take a token its force for ever, and return it; None where there is none with this id.

        One that is revoked already keeps the time of that.
        """
        ...

    async def add_session(self, session: Session, *, audit: Sequence[AuditRecord] = ()) -> None:
        """Store a session, and forget all that have ended by themselves.

        Where one has its digest already, it stays as it is. Of the token's sessions, only the
        `SESSIONS_MAX` that were used last are left.
        """
        ...

    async def sessions(self, digests: Collection[str]) -> Sequence[Session]:
        """Those of the sessions that exist, whether they have ended by themselves or not."""
        ...

    async def note_session_use(self, digest: str, *, at: datetime) -> None:
        """Note when a session was last used. An earlier time than the noted one changes nothing."""
        ...

    async def end_session(
        self, digest: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> None:
        """End a session, and forget all that have ended by themselves."""
        ...

    async def job_secret(self) -> str:
        """The secret of the tokens that jobs get, of this installation: 256 bits in hexadecimal."""
        ...

    async def note_use(self, uses: Mapping[str, datetime]) -> None:
        """Note when tokens were last used. An earlier time than the noted one changes nothing."""
        ...
