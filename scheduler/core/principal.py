"""Who asks, and what they may do. Pure.

    right          least role    about
    OPEN           nobody        whether the node lives; the login page
    READ           viewer        jobs of the principal's uids
    CHANGE         user          the same: submit, abort, run again
    OPERATE        operator      all uids; nodes, metrics, pauses
    ADMINISTER     admin         tokens, the audit log

Each role has all rights of those before it. `may` is asked by the service alone, once for each
call: views, streams and lists have no check of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final

ALL: Final = "*"
"""The pattern of all uids; at the end of another pattern, whatever follows."""


class Role(StrEnum):
    """What a token lets its bearer do, from the least to the most."""

    VIEWER = "viewer"
    USER = "user"
    OPERATOR = "operator"
    ADMIN = "admin"


_ROLES: Final = tuple(Role)


class Right(Enum):
    """What a call needs; its value is the least role that has it."""

    OPEN = None
    READ = Role.VIEWER
    CHANGE = Role.USER
    OPERATE = Role.OPERATOR
    ADMINISTER = Role.ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks."""

    name: str | None
    """The token's, or the user's that a proxy names; None for everybody, in mode `none`."""
    role: Role
    uids: tuple[str, ...]
    """The users whose jobs it acts for: uids, beginnings of uids with `*` at their end, or `*`."""
    token_id: str | None = None
    """The token that it brought."""
    expires_at: datetime | None = None
    """When the token loses its force; None: never."""

    @property
    def for_all(self) -> bool:
        """Whether it acts for all users."""
        return ALL in self.uids or has_role(self.role, Role.OPERATOR)

    @property
    def only_uid(self) -> str | None:
        """The user that is meant where none is named; None where there is no single one."""
        if self.for_all or len(self.uids) != 1 or self.uids[0].endswith(ALL):
            return None
        return self.uids[0]


EVERYBODY: Final = Principal(name=None, role=Role.ADMIN, uids=(ALL,))
"""Who asks in mode `none`: everybody may do everything."""


def may(principal: Principal, right: Right, uid: str | None = None) -> bool:
    """Whether a principal has a right over a user's jobs; without `uid`, over what has no user.

    For what concerns the jobs of all users, see `Principal.for_all`.
    """
    if right.value is not None and not has_role(principal.role, right.value):
        return False
    return uid is None or principal.for_all or any(_covers(each, uid) for each in principal.uids)


def has_role(role: Role, least: Role) -> bool:
    """Whether a role has all rights of another one."""
    return _ROLES.index(role) >= _ROLES.index(least)


def _covers(pattern: str, uid: str) -> bool:
    if pattern.endswith(ALL):
        return uid.startswith(pattern.removesuffix(ALL))
    return uid == pattern
