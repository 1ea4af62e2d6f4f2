"""Which quota fits a user, and what is said of jobs beyond it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.access.principal import ALL, Grant, Role
from scheduler.core.quotas.quota import Quota, Quotas, Use, queue_excess
from tests.support.stores import new


def quotas(*patterns: str) -> Quotas:
    return Quotas(Quota(pattern=pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("uid", "pattern"),
    [
        ("ada", "ada"),
        ("adam", "ada*"),
        ("ad", "*"),
        ("team-a.bob", "team-a.b*"),
        ("team-a.ann", "team-a.*"),
        ("team-a.", "team-a.*"),
        ("team-a", "*"),
        ("ada*", "ada*"),
    ],
)
def test_the_uid_itself_counts_before_the_longest_beginning(uid: str, pattern: str) -> None:
    """So the more is said of a user, the more it counts, in whatever order it is written."""
    known = quotas("*", "team-a.*", "ada*", "ada", "team-a.b*")
    found = known.of(uid)
    assert found is not None
    assert found.pattern == pattern


def test_whom_no_pattern_fits_has_no_quota() -> None:
    """Without `*`, only those who are named are limited."""
    assert quotas("ada", "team-a.*").of("bob") is None
    assert quotas().of("bob") is None
    assert not quotas()


@given(
    patterns=st.lists(st.from_regex(r"\A(\*|[ab]{1,4}\*?)\Z"), unique=True, max_size=8),
    uid=st.text("ab", min_size=1, max_size=5),
)
def test_the_best_of_all_that_cover_a_user_is_found(patterns: list[str], uid: str) -> None:
    """The same patterns cover the same users as those of tokens."""
    covering = [each for each in patterns if Grant(Role.USER, (each,)).covers(uid)]
    best = max(covering, key=lambda each: (not each.endswith(ALL), len(each)), default=None)
    found = quotas(*patterns).of(uid)
    assert (found and found.pattern) == best


def test_who_has_room_again_after_the_refusal_is_said_to_have_had_none() -> None:
    """The store counts once more for the message, and a job may have been started meanwhile."""
    limits = {"u1": Quota(pattern="*", queued_max=5)}
    error = queue_excess([new(), new()], limits, {"u1": Use(queued=1, running=4)})
    assert [(each.limit, each.used) for each in error.violations] == [(5, 4)]
