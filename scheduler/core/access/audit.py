"""The audit log: who did what, when, from where. Pure.

A record is stored in the transaction of what it tells, so there is one exactly where a deed took
effect. It never has the data of a job, and no secret.

    create_token, revoke_token     the target is the token
    login, logout, login_failed    of a browser; a failed one has the id of the token that was tried
    submit                         jobs for others, see `is_for_another`: one record for each user
    abort                          one job, or with `children` all that is below it; or one that
                                   a job with its unique key replaces
    abort_all                      what matched: one record, with the number of jobs
    pause, resume                  the target is what is paused: its kind and name
    rerun                          one job, which is the target
    rerun_all                      what matched: one record, with the number of jobs
    set_schedule, delete_schedule  the target is the name of the schedule
    run_schedule                   the same, of a job that is made now
    backfill_schedule              the same, with the number of jobs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from scheduler.core.access.principal import ActorKind, Principal, Role, highest_role

TEXT_MAX: Final = 500
"""Characters of a text in a record: a proxy's name for a user, or a reason, may be longer."""


class Action(StrEnum):
    """What was done. Further ones need no change of the schema."""

    CREATE_TOKEN = "create_token"  # noqa: S105 - no secret
    REVOKE_TOKEN = "revoke_token"  # noqa: S105 - no secret
    LOGIN = "login"
    LOGIN_FAILED = "login_failed"
    LOGOUT = "logout"
    SUBMIT = "submit"
    ABORT = "abort"
    ABORT_ALL = "abort_all"
    PAUSE = "pause"
    RESUME = "resume"
    RERUN = "rerun"
    RERUN_ALL = "rerun_all"
    SET_SCHEDULE = "set_schedule"
    DELETE_SCHEDULE = "delete_schedule"
    RUN_SCHEDULE = "run_schedule"
    BACKFILL_SCHEDULE = "backfill_schedule"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One line of the audit log."""

    id: str
    """A UUIDv7, made together with `at`: records sort by time."""
    at: datetime
    action: str
    """An `Action`, or one of a later version."""
    actor: str | None
    """The name of who did it; None: nobody is known, or a node at its first start."""
    actor_kind: ActorKind | None
    """What the actor is; None where there is none."""
    token_id: str | None
    """The token that they brought, or have logged in with."""
    role: Role | None
    """Their role; of several, the one that may most."""
    client: str | None
    """The IP address that they asked from."""
    uid: str | None = None
    """The user whose jobs it is about."""
    target: str | None = None
    """The id of the job or token that it is about, or the kind and name of a pause.

    None where it is about several, or none.
    """
    count: int = 1
    """How many: of jobs, or of failed logins."""
    detail: Mapping[str, Any]
    """What else there is to say; small, and JSON."""

    @classmethod
    def by(
        cls,
        principal: Principal,
        action: Action,
        *,
        id: str,  # noqa: A002 - the name of the field
        at: datetime,
        uid: str | None = None,
        target: str | None = None,
        count: int = 1,
        detail: Mapping[str, Any] | None = None,
    ) -> Self:
        """What somebody does; of `detail`, what is None is left out."""
        told = {key: each for key, each in (detail or {}).items() if each is not None}
        return cls(
            id=id,
            at=at,
            action=action,
            actor=principal.name and principal.name[:TEXT_MAX],
            actor_kind=principal.kind,
            token_id=principal.token_id,
            role=highest_role(principal),
            client=principal.client,
            uid=uid,
            target=target,
            count=count,
            detail={key: shortened(each) for key, each in told.items()},
        )


class AuditFilter(NamedTuple):
    """Which records; what is None selects nothing."""

    actor: str | None = None
    uid: str | None = None
    action: Action | None = None
    since: datetime | None = None
    """From this instant on."""
    before: datetime | None = None
    """Before this instant."""


def is_for_another(principal: Principal, uid: str) -> bool:
    """Whether somebody who submits for a user does so only as an operator or admin.

    Not so for a role `user`: its token was made for those users, each job says by whom it was
    submitted, and a web app would write a record with each job. Nor for a uid that is named as it
    is, which is one's own, nor in mode `none`, where nobody has a name.
    """
    return principal.name is not None and not any(
        uid in grant.uids or (grant.role is Role.USER and grant.covers(uid))
        for grant in principal.grants
    )


def shortened(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A text of at most `TEXT_MAX` characters; anything else as it is."""
    return value[:TEXT_MAX] if isinstance(value, str) else value
