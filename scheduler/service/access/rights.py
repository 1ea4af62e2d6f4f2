"""What a principal may do, as the use cases ask it: each of them asks once, before anything else.

For a job of somebody else, the answer is the same as for one that does not exist, and the store is
not asked: nobody can find out what others have.
"""

from __future__ import annotations

from collections.abc import Iterable

from scheduler.core.access.principal import Principal, Right, may, may_for_all
from scheduler.core.errors import Forbidden, NotFound


def require(by: Principal, right: Right) -> None:
    """Go on only if somebody has a right at all.

    Raises:
        Forbidden: their role has not.
    """
    if not may(by, right):
        least = right.value
        roles = " and ".join(grant.role for grant in by.grants) or "no role"
        raise Forbidden(f"this needs the role {least}; {by.name!r} is {roles}")


def require_users(by: Principal, right: Right, uids: Iterable[str]) -> None:
    """Go on only if somebody has a right over the jobs of these users.

    Raises:
        Forbidden: they have not.
    """
    require(by, right)
    for uid in uids:
        if not may(by, right, uid):
            raise Forbidden(f"{by.name!r} does not act for the user {uid!r}")


def require_uid_or_all(by: Principal, right: Right, uid: str | None) -> None:
    """Go on only if somebody has a right over the jobs of a user; without one, over all.

    Raises:
        Forbidden: they have not.
    """
    if uid is not None:
        require_users(by, right, [uid])
        return
    require(by, right)
    if not may_for_all(by, right):
        raise Forbidden(f"{by.name!r} does not act for all users; name one by uid=…")


def require_job(by: Principal, right: Right, uid: str, job_id: str) -> None:
    """Go on only if somebody has a right over a user's job, if there is one.

    Raises:
        Forbidden: their role has not.
        NotFound: it is not theirs, which looks as if there were none.
    """
    require(by, right)
    if not may(by, right, uid):
        raise no_such_job(uid, job_id)


def no_such_job(uid: str, job_id: str) -> NotFound:
    """The error for a job that a user does not have."""
    return NotFound(f"user {uid!r} has no job {job_id!r}")
