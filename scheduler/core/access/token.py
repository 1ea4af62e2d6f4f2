"""Tokens: what a client brings to say who it is. Pure.

    atl_3f0c9a1b7d24_k5Yh…      the id, by which the store finds the row; and 256 random bits

Only the SHA-256 of the secret is stored. A fast hash is enough: nobody can guess 256 bits, and each
request is checked against it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from secrets import token_hex, token_urlsafe
from typing import Final, NamedTuple

from scheduler.core.access.principal import Grant, Principal, Role

PREFIX: Final = "atl"
"""By this, scanners that look for leaked secrets recognize ours."""
ID: Final = r"[0-9a-f]{12}"
FORM: Final = re.compile(rf"{PREFIX}_({ID})_([A-Za-z0-9_-]{{43}})", re.ASCII)


class Secret(NamedTuple):
    """A token as its bearer has it. It is shown once, and never stored or logged."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r}, secret=…)"

    @property
    def text(self) -> str:
        """What the bearer sends."""
        return f"{PREFIX}_{self.id}_{self.secret}"

    @property
    def digest(self) -> str:
        """What is stored: the SHA-256 of the secret, in hexadecimal."""
        return sha256(self.secret.encode()).hexdigest()


def new_secret() -> Secret:
    """A token that nobody has."""
    return Secret(token_hex(6), token_urlsafe(32))


def parsed(text: str) -> Secret | None:
    """The token in a text; None where it has not the form of one."""
    found = FORM.fullmatch(text)
    return None if found is None else Secret(found[1], found[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is stored."""

    id: str
    digest: str
    name: str
    role: Role
    uids: tuple[str, ...]
    """See `Grant`."""
    created_at: datetime
    created_by: str | None
    """The name of who made it; None: a node at its first start, or everybody."""
    expires_at: datetime | None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    """The last use that is noted; at most a minute before the last one."""

    def is_of(self, secret: Secret) -> bool:
        """Whether this is the token's secret. Takes as long for any that is not."""
        return compare_digest(self.digest, secret.digest)

    def valid(self, at: datetime) -> bool:
        """Whether it has force."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who its bearer is."""
        return Principal(name=self.name, grants=(Grant(self.role, self.uids),), token_id=self.id)
