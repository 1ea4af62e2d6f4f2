"""Sessions: what a browser brings, once somebody has logged in with a token. Pure.

A session is a random text in a cookie, of which only the SHA-256 is stored, like that of a token.
It has the rights of its token, and ends with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Final

IDLE: Final = timedelta(hours=8)
"""A session that is not used for so long has ended."""
LONGEST: Final = timedelta(days=7)
"""A session has ended so long after its login, however it is used."""
SESSIONS_MAX: Final = 100
"""Of one token: more browsers than people share one. Beyond it, the one that was not used for the
longest ends."""
CHARACTERS: Final = 43
"""Of the text of a session: 256 random bits in base64url."""


def new_text() -> str:
    """The text of a session that nobody has."""
    return token_urlsafe(32)


def digest(text: str) -> str:
    """What is stored of a session's text; that of a cookie may be no text at all."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is stored."""

    digest: str
    token_id: str
    created_at: datetime
    used_at: datetime
    """The last use that is noted; at most a minute before the last one."""

    def valid(self, at: datetime) -> bool:
        """Whether it has not ended by itself."""
        return at < min(self.used_at + IDLE, self.created_at + LONGEST)
