"""The tokens of jobs: who made one, and for how long it has force."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.access.job_token import JobToken, checked, has_form, may_have
from scheduler.core.access.principal import Right, may, may_for_all
from scheduler.core.job import Job
from tests.fakes.rows import new_row
from tests.support.stores import AT, new

SECRET, OTHER = 32 * b"a", 32 * b"b"


@pytest.fixture(name="held")
def held_fixture() -> Job:
    """A job that a node holds by its third claim."""
    return replace(new_row(new("ada"), AT).job, owner="a1", token=3)


def test_a_token_names_a_claim(held: Job) -> None:
    token = JobToken(held.id, 3)
    text = token.text(SECRET)
    assert has_form(text)
    assert checked(text, SECRET) == token


def test_a_token_that_nobody_with_the_secret_has_made_is_none(held: Job) -> None:
    """Whoever knows a job's id must not become it."""
    text = JobToken(held.id, 3).text(SECRET)
    prefix, job_id, claim, mac = text.split("_", 3)
    other = held.id[:-1] + ("0" if held.id[-1] != "0" else "1")
    for forged in (
        JobToken(held.id, 3).text(OTHER),
        f"{prefix}_{job_id}_4_{mac}",
        f"{prefix}_{other}_{claim}_{mac}",
        f"{prefix}_{job_id}_{claim}_{43 * 'A'}",
        f"{prefix}_{job_id}_03_{mac}",
        f"{prefix}_{job_id}_{claim}_{mac}x",
        text.upper(),
        "",
    ):
        assert checked(forged, SECRET) is None


def test_it_has_the_rights_of_a_user_over_the_jobs_of_this_one(held: Job) -> None:
    principal = JobToken(held.id, 3).principal(held)
    assert principal is not None
    assert (principal.name, principal.only_uid) == (f"job:{held.id}", "ada")
    assert may(principal, Right.CHANGE, "ada")
    assert not may(principal, Right.READ, "adam")
    assert not may_for_all(principal, Right.READ)
    assert not may(principal, Right.OPERATE)


def test_it_has_force_as_long_as_a_node_holds_this_claim(held: Job) -> None:
    """Not before or after another claim, nor once it was given back or has ended."""
    for claim in (2, 4):
        assert JobToken(held.id, claim).principal(held) is None
    assert JobToken(held.id, 3).principal(replace(held, owner=None)) is None
    assert JobToken(held.id, 3).principal(None) is None


@pytest.mark.parametrize("uid", ["*", "team-a.*", "a**"])
def test_a_user_whose_name_looks_like_a_pattern_gets_no_token(held: Job, uid: str) -> None:
    """Whoever may choose uids would get at the jobs of all others."""
    assert not may_have(uid)
    assert JobToken(held.id, 3).principal(replace(held, uid=uid)) is None
    assert may_have("a*b")
