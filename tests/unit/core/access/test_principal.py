"""What a role and the uids of a token allow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.access.job_token import JobToken
from scheduler.core.access.principal import (
    EVERYBODY,
    ActorKind,
    Grant,
    Principal,
    Right,
    Role,
    may,
    may_for_all,
)

OF_WEB = "3f0c9a1b7d24"
JOB_ID = "019ab000-0000-7000-8000-000000000000"
RIGHTS = {
    Role.VIEWER: {Right.OPEN, Right.READ},
    Role.USER: {Right.OPEN, Right.READ, Right.CHANGE},
    Role.OPERATOR: {Right.OPEN, Right.READ, Right.CHANGE, Right.OPERATE},
    Role.ADMIN: set(Right),
}


def who(role: Role, *uids: str) -> Principal:
    """Somebody with a role for some users."""
    return Principal(name="web", grants=(Grant(role, uids),))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_each_role_has_its_rights_and_those_of_all_before_it(role: Role, right: Right) -> None:
    """The table of the roles, for a user that the token acts for."""
    expected = right in RIGHTS[role]
    assert may(who(role, "ada"), right) is expected
    assert may(who(role, "ada"), right, "ada") is expected


@pytest.mark.parametrize(
    ("pattern", "uid", "covered"),
    [
        ("ada", "ada", True),
        ("ada", "adam", False),
        ("ada", "Ada", False),
        ("ada", "", False),
        ("team-a.*", "team-a.bob", True),
        ("team-a.*", "team-a.", True),
        ("team-a.*", "team-a", False),
        ("team-a.*", "team-ab", False),
        ("team-a.*", "team-a.*", True),
        ("*", "anybody", True),
        ("", "ada", False),
    ],
)
def test_a_pattern_is_a_uid_or_the_beginning_of_uids(
    pattern: str, uid: str, *, covered: bool
) -> None:
    """A dot is a dot: no other sign means more than itself."""
    for role, right in ((Role.VIEWER, Right.READ), (Role.USER, Right.CHANGE)):
        assert may(who(role, pattern), right, uid) is covered
        assert may(who(role, "other", pattern), right, uid) is covered


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMIN])
def test_an_operator_acts_for_all_users(role: Role) -> None:
    """Whatever users its token names."""
    assert may(who(role, "ada"), Right.CHANGE, "bob")
    assert may_for_all(who(role, "ada"), Right.CHANGE)
    assert may(who(role), Right.CHANGE, "bob")


def test_a_token_without_users_acts_for_none() -> None:
    """What is forgotten must not be taken for all."""
    assert not may(who(Role.USER), Right.READ, "ada")
    assert not may_for_all(who(Role.USER), Right.READ)


def test_everybody_may_do_everything_in_mode_none() -> None:
    """A node without authentication goes on as it always did."""
    assert all(may(EVERYBODY, right, "ada") for right in Right)
    assert may_for_all(EVERYBODY, Right.ADMINISTER)
    assert EVERYBODY.only_uid is None


@pytest.mark.parametrize(
    ("uids", "only"),
    [(("ada",), "ada"), (("ada", "bob"), None), (("team-a.*",), None), (("*",), None), ((), None)],
)
def test_one_single_user_is_meant_where_none_is_named(uids: tuple[str, ...], only: str) -> None:
    """A pattern names no user, though only one may match today."""
    assert who(Role.USER, *uids).only_uid == only
    assert who(Role.OPERATOR, *uids).only_uid is None


def test_each_of_several_grants_counts_for_its_own_users() -> None:
    """A role in one group gives nothing over what another group may only look at."""
    both = Principal(
        name="ada",
        grants=(Grant(Role.VIEWER, ("team-a.*",)), Grant(Role.USER, ("team-b.*",))),
    )
    assert may(both, Right.READ, "team-a.x")
    assert not may(both, Right.CHANGE, "team-a.x")
    assert may(both, Right.CHANGE, "team-b.x")
    assert not may_for_all(both, Right.READ)
    assert both.only_uid is None


def test_who_has_no_grant_may_do_nothing() -> None:
    """Somebody whom a proxy knows, and who is in none of the groups."""
    nobody = Principal(name="eve", grants=())
    assert not any(may(nobody, right) for right in Right)
    assert nobody.only_uid is None


def test_each_is_told_from_others_of_the_same_name() -> None:
    """A proxy may name a user like a token, and the names of tokens are not unique."""
    user = Principal(name="web", grants=())
    token = Principal(name="web", grants=(), token_id=OF_WEB)
    assert user.kind is ActorKind.USER
    assert token.kind is ActorKind.TOKEN
    assert replace(token, session="0" * 64).kind is ActorKind.SESSION
    assert EVERYBODY.kind is None


def test_a_job_is_told_from_a_user_that_is_named_like_it() -> None:
    """By its token, whose id no other has the form of."""
    job = JobToken(JOB_ID, 3)
    by_itself = Principal(name=job.name, grants=(), token_id=job.id)
    assert by_itself.kind is ActorKind.JOB
    assert Principal(name=job.name, grants=()).kind is ActorKind.USER
