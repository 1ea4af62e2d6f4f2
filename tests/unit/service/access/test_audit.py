"""Who may read the audit log, and what a record says of who did it."""

from __future__ import annotations

import pytest

from scheduler.core.access.audit import TEXT_MAX, Action, AuditFilter
from scheduler.core.access.principal import Grant, Principal, Role
from scheduler.core.errors import Forbidden
from scheduler.service.access.audit import Audit, recorded
from tests.fakes import AT, MemoryStore


@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER, Role.OPERATOR])
async def test_only_an_admin_may_read_it(role: Role) -> None:
    """Whatever asks for it: the rule is the service's, and not only of its route."""
    by = Principal(name="web", grants=(Grant(role, ("*",)),))
    with pytest.raises(Forbidden):
        await Audit(MemoryStore().audit).page(by, AuditFilter(), before_id=None, limit=1)


def test_of_several_roles_the_one_that_may_most_is_told() -> None:
    """A user of a proxy has the roles of all groups."""
    grants = tuple(Grant(role, ("ada",)) for role in (Role.USER, Role.OPERATOR, Role.VIEWER))
    (record,) = recorded(Principal(name="ada", grants=grants), Action.LOGIN, at=AT)
    assert record.role is Role.OPERATOR


def test_a_record_is_small_and_leaves_out_what_there_is_not() -> None:
    """A proxy may send a name of any length, and a reason may be long."""
    by = Principal(name="x" * 10_000, grants=())
    detail = {"reason": "y" * 10_000, "grace_s": None}
    (record,) = recorded(by, Action.ABORT, at=AT, detail=detail)
    assert (record.actor, record.detail) == ("x" * TEXT_MAX, {"reason": "y" * TEXT_MAX})
