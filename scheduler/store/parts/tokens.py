"""The `TokenStore` port in SQL. `core/ports/token_store.py` says what each call promises."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from scheduler.core.access.audit import AuditRecord
from scheduler.core.access.session import IDLE, LONGEST, SESSIONS_MAX, Session
from scheduler.core.access.token import Token
from scheduler.store import arguments, rows
from scheduler.store.database import Database
from scheduler.store.sql_audit import fetch_audited


class SqlTokens:
    """The tokens, on a database. Every method is documented at the port."""

    def __init__(self, database: Database) -> None:
        self._fetch = database.fetch
        self._fetch_audited = partial(fetch_audited, database)

    async def add(self, token: Token, *, audit: Sequence[AuditRecord] = ()) -> bool:
        """See `TokenStore`."""
        added = await self._fetch_audited(
            "add_token",
            token.id,
            token.digest,
            token.name,
            token.role,
            arguments.json(token.uids),
            arguments.milliseconds(token.created_at),
            token.created_by,
            arguments.maybe_milliseconds(token.expires_at),
            audit=audit,
        )
        return bool(added)

    async def find(self, token_ids: Collection[str]) -> Sequence[Token]:
        """See `TokenStore`."""
        found = await self._fetch("tokens_with", arguments.keys(token_ids))
        return [rows.token(row) for row in found]

    async def page(self, *, before_id: str | None = None, limit: int) -> Sequence[Token]:
        """See `TokenStore`."""
        return [rows.token(row) for row in await self._fetch("tokens", before_id, limit)]

    async def revoke(
        self, token_id: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> Token | None:
        """See `TokenStore`."""
        instant = arguments.milliseconds(at)
        revoked = await self._fetch_audited("revoke_token", token_id, instant, audit=audit)
        if revoked:
            return rows.token(revoked[0])
        return next(iter(await self.find([token_id])), None)

    async def add_session(self, session: Session, *, audit: Sequence[AuditRecord] = ()) -> None:
        """See `TokenStore`."""
        at = arguments.milliseconds(session.created_at)
        await self._fetch_audited("add_session", session.digest, session.token_id, at, audit=audit)
        await self._forget_ended(session.created_at, session.token_id)

    async def sessions(self, digests: Collection[str]) -> Sequence[Session]:
        """See `TokenStore`."""
        found = await self._fetch("sessions_with", arguments.keys(digests))
        return [rows.session(row) for row in found]

    async def note_session_use(self, digest: str, *, at: datetime) -> None:
        """See `TokenStore`."""
        await self._fetch("note_session_use", digest, arguments.milliseconds(at))

    async def end_session(
        self, digest: str, *, at: datetime, audit: Sequence[AuditRecord] = ()
    ) -> None:
        """See `TokenStore`."""
        await self._fetch_audited("end_session", digest, audit=audit)
        await self._forget_ended(at)

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

    async def _forget_ended(self, at: datetime, token_id: str | None = None) -> None:
        """Forget sessions that have ended by themselves, and those that a token has too many."""
        unused_since, created_before = (arguments.milliseconds(at - age) for age in (IDLE, LONGEST))
        await self._fetch("end_sessions", unused_since, created_before, token_id, SESSIONS_MAX)
