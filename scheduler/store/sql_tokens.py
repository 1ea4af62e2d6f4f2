"""The `TokenStore` port in SQL. `core/ports/token_store.py` says what each call promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from scheduler.core.session import IDLE, LONGEST, Session
from scheduler.core.token import Token
from scheduler.store import arguments, rows
from scheduler.store.database import Database


class SqlTokens:
    """The tokens, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch

    async def add(self, token: Token) -> bool:
        """See `TokenStore`."""
        added = await self._fetch(
            "add_token",
            token.id,
            token.digest,
            token.name,
            token.role,
            arguments.json(token.uids),
            arguments.milliseconds(token.created_at),
            token.created_by,
            arguments.maybe_milliseconds(token.expires_at),
        )
        return bool(added)

    async def find(self, token_ids: Collection[str]) -> Sequence[Token]:
        """See `TokenStore`."""
        found = await self._fetch("tokens_with", arguments.keys(token_ids))
        return [rows.token(row) for row in found]

    async def page(self, *, before_id: str | None = None, limit: int) -> Sequence[Token]:
        """See `TokenStore`."""
        return [rows.token(row) for row in await self._fetch("tokens", before_id, limit)]

    async def revoke(self, token_id: str, *, at: datetime) -> Token | None:
        """See `TokenStore`."""
        revoked = await self._fetch("revoke_token", token_id, arguments.milliseconds(at))
        return rows.token(revoked[0]) if revoked else None

    async def add_session(self, session: Session) -> None:
        """See `TokenStore`."""
        at = arguments.milliseconds(session.created_at)
        await self._fetch("add_session", session.digest, session.token_id, at)

    async def session(self, digest: str) -> Session | None:
        """See `TokenStore`."""
        found = await self._fetch("session", digest)
        return rows.session(found[0]) if found else None

    async def note_session_use(self, digest: str, *, at: datetime) -> None:
        """See `TokenStore`."""
        await self._fetch("note_session_use", digest, arguments.milliseconds(at))

    async def end_session(self, digest: str, *, at: datetime) -> None:
        """See `TokenStore`."""
        unused_since = arguments.milliseconds(at - IDLE)
        created_before = arguments.milliseconds(at - LONGEST)
        await self._fetch("end_sessions", digest, unused_since, created_before)

    async def job_secret(self) -> str:
        """See `TokenStore`."""
        return str((await self._fetch("job_secret"))[0]["value"])

    async def note_use(self, uses: Mapping[str, datetime]) -> None:
        """See `TokenStore`."""
        await self._fetch(
            "note_token_use",
            arguments.batch(
                {"id": token_id, "used_at": arguments.milliseconds(at)}
                for token_id, at in uses.items()
            ),
        )
