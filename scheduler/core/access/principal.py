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

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple

ALL: Final = "*"
"""The pattern of all uids; at the end of another pattern, whatever follows."""


JOB: Final = "job:"
"""How the name of a job begins, and the id of its token; the id of another token has no colon."""
PATTERN: Final = r"^(\*|[^/*\-\x00-\x1f\x7f-\x9f][^/*\x00-\x1f\x7f-\x9f]{0,199}\*?)$"
"""What a pattern of uids looks like: a uid, which may end in `*`, or `*` alone."""


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


class ActorKind(StrEnum):
    """What somebody is: names are not unique, and a user may be named like a token."""

    TOKEN = "token"  # noqa: S105 - no secret
    SESSION = "session"
    """Of a browser, in which somebody has logged in with the token."""
    JOB = "job"
    """With a token of its own."""
    USER = "user"
    """Whom a proxy names."""


class Grant(NamedTuple):
    """A role for the jobs of some users."""

    role: Role
    uids: tuple[str, ...]
    """Uids, beginnings of uids with `*` at their end, or `*`."""

    @property
    def for_all(self) -> bool:
        """Whether it is for all users."""
        return ALL in self.uids or has_role(self.role, Role.OPERATOR)

    def covers(self, uid: str) -> bool:
        """Whether it is for a user."""
        return self.for_all or any(_covers(each, uid) for each in self.uids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks."""

    name: str | None
    """The token's, or the user's that a proxy names; None for everybody, in mode `none`."""
    grants: tuple[Grant, ...]
    """What it may do: a token has one grant, a user behind a proxy one for each of its groups."""
    token_id: str | None = None
    """The token that it brought, or logged in with."""
    session: str | None = None
    """The digest of the session, of who has logged in."""
    client: str | None = None
    """The IP address that it asks from, if that is known; for the audit log."""

    @property
    def kind(self) -> ActorKind | None:
        """What it is; None for everybody, and for a node itself."""
        if self.name is None:
            return None
        if self.token_id is None:
            return ActorKind.USER
        if self.token_id.startswith(JOB):
            return ActorKind.JOB
        return ActorKind.TOKEN if self.session is None else ActorKind.SESSION

    @property
    def only_uid(self) -> str | None:
        """The user that is meant where none is named; None where there is no single one."""
        if any(grant.for_all for grant in self.grants):
            return None
        uids = {uid for grant in self.grants for uid in grant.uids}
        return None if len(uids) != 1 or next(iter(uids)).endswith(ALL) else uids.pop()


EVERYBODY: Final = Principal(name=None, grants=(Grant(Role.ADMIN, (ALL,)),))
"""Who asks in mode `none`: everybody may do everything."""


def may(principal: Principal, right: Right, uid: str | None = None) -> bool:
    """Whether a principal has a right over a user's jobs; without `uid`, over what has no user."""
    return any(uid is None or grant.covers(uid) for grant in _with(right, principal))


def may_for_all(principal: Principal, right: Right) -> bool:
    """Whether a principal has a right over the jobs of all users."""
    return any(grant.for_all for grant in _with(right, principal))


def _with(right: Right, principal: Principal) -> Iterator[Grant]:
    """The grants that have a right."""
    least = right.value
    return (each for each in principal.grants if least is None or has_role(each.role, least))


def highest_role(principal: Principal) -> Role | None:
    """The role that may most, of all that a principal has; None without any."""
    return max((grant.role for grant in principal.grants), key=_ROLES.index, default=None)


def has_role(role: Role, least: Role) -> bool:
    """Whether a role has all rights of another one."""
    return _ROLES.index(role) >= _ROLES.index(least)


def _covers(pattern: str, uid: str) -> bool:
    if pattern.endswith(ALL):
        return uid.startswith(pattern.removesuffix(ALL))
    return uid == pattern
