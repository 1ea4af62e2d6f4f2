"""What follows from an attempt that failed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.job import (
    ENDED_BY_ITSELF,
    NOTHING_RAN,
    Again,
    AttemptOutcome,
    Claim,
    Crashed,
    Death,
    FailureKind,
    JsonText,
    Outcome,
    Raised,
    Returned,
    Status,
    Stopped,
    StopReason,
    Unknown,
    Unreturnable,
)
from scheduler.core.policy import conclude
from scheduler.core.retries.deciding import MESSAGE_CHARS_MAX, Ended, another, backoff_s
from scheduler.core.retries.declaration import NO_RETRY, PAUSE_S_MAX, Retry, RetryRule
from tests.support.stores import AT, new

FIVE = Retry(5).rule
DEATH = Death(signal="SIGKILL", processes=2, survivors=0)
RAISED = Raised(type="KeyError", message="n", traceback="Traceback …")
LATE = Stopped(StopReason.TIME_LIMIT, DEATH, 0.5)
TOO_LARGE = Unreturnable("too large")
seeds = st.integers(0, 2**32).map(Random)


def claim(*, used: int = 0, max_attempts: int | None = None) -> Claim:
    """A claim on a job that has used up so many attempts."""
    return replace(new().claimed(), attempts_used=used, max_attempts=max_attempts)


def follows(
    outcome: Outcome,
    rule: RetryRule | None = FIVE,
    *,
    used: int = 0,
    max_attempts: int | None = None,
) -> Again | None:
    """What follows from an outcome."""
    ended = Ended(claim(used=used, max_attempts=max_attempts), outcome, None, rule)
    return another(ended, random=Random(1))  # noqa: S311 - spreads pauses


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (RAISED, FailureKind.EXCEPTION),
        (Crashed(-9), FailureKind.CRASH),
        (Crashed(-9, broke_protocol=True), FailureKind.CRASH),
        (LATE, FailureKind.TIMEOUT),
    ],
)
def test_a_failure_is_followed_by_another_attempt(outcome: Outcome, kind: FailureKind) -> None:
    """And it is remembered why."""
    again = follows(outcome)

    assert again is not None
    assert again.outcome is AttemptOutcome.TERMINATED
    assert again.error is not None
    assert (again.error.kind, again.error.traceback) == (kind, None)


@pytest.mark.parametrize(
    "outcome",
    [
        Returned(JsonText("1")),
        TOO_LARGE,
        Unknown(AT),
        replace(RAISED, retryable=False),
        Stopped(StopReason.ABORT, DEATH),
        Stopped(StopReason.DRAIN, DEATH),
        Stopped(StopReason.LEASE_LOST, DEATH),
    ],
)
def test_nothing_else_is(outcome: Outcome) -> None:
    """Success and an abort are ends; what its node cut short comes back without a pause."""
    assert follows(outcome) is None


def test_kinds_that_are_not_listed_are_no_reason_and_a_result_may_be_listed() -> None:
    """For exceptions, the pool process has looked at the list."""
    only_crashes = Retry(5, on="crash").rule
    assert follows(LATE, only_crashes) is None
    assert follows(Crashed(-9), only_crashes) is not None
    assert follows(TOO_LARGE, Retry(5, on="result").rule) is not None


@pytest.mark.parametrize(
    ("rule", "max_attempts", "allowed"),
    [(None, None, 1), (FIVE, None, 5), (None, 3, 3), (FIVE, 2, 2), (FIVE, 1, 1), (FIVE, 9, 9)],
)
def test_the_last_attempt_that_is_allowed_ends_the_job(
    rule: RetryRule | None, max_attempts: int | None, allowed: int
) -> None:
    """What was submitted counts before what the handler says; without both, there is one."""
    tried = [follows(RAISED, rule, used=used, max_attempts=max_attempts) for used in range(9)]
    assert [again is not None for again in tried] == [used + 1 < allowed for used in range(9)]


def test_the_attempts_that_are_used_up_count_and_not_their_numbers() -> None:
    """One that was lost or drained has a number, too."""
    late = Ended(replace(claim(used=1), attempt=17), RAISED, None, FIVE)
    assert another(late, random=Random(1)) is not None  # noqa: S311


@given(seeds, st.integers(1, 1000), st.floats(0, 100), st.floats(100, PAUSE_S_MAX))
def test_a_pause_is_at_most_the_backoff_doubled_for_each_failure(
    random: Random, failures: int, shortest_s: float, longest_s: float
) -> None:
    """Full jitter: anything from nothing to that, so that a crowd of jobs spreads."""
    rule = Retry(5, backoff_s=shortest_s, backoff_max_s=longest_s).rule
    pause_s = backoff_s(failures, rule=rule, random=random)
    assert 0 <= pause_s <= longest_s
    assert pause_s <= shortest_s * 2.0 ** min(failures - 1, 900)


def test_pauses_use_all_of_their_range() -> None:
    """The same seed, the same pauses."""
    random = Random(7)  # noqa: S311
    pauses = [backoff_s(3, rule=NO_RETRY, random=random) for _ in range(1000)]
    assert min(pauses) < 2
    assert 38 < max(pauses) <= 40
    assert 18 < sum(pauses) / len(pauses) < 22


def test_the_handlers_own_pause_is_exact() -> None:
    """A service that says when to come back is not asked before."""
    again = follows(replace(RAISED, after_s=30.0))
    assert again is not None
    assert again.after_s == 30


def test_only_so_much_of_a_message_is_remembered() -> None:
    """The list of attempts is part of each answer; the log has the rest."""
    again = follows(replace(RAISED, message="x" * 9999))
    assert again is not None
    assert again.error is not None
    assert len(again.error.message) == MESSAGE_CHARS_MAX


@pytest.mark.parametrize(
    ("outcome", "death"),
    [(RAISED, ENDED_BY_ITSELF), (Crashed(-9), ENDED_BY_ITSELF), (LATE, DEATH)],
)
def test_the_settlement_queues_the_job_and_can_prove_its_death(
    outcome: Outcome, death: Death
) -> None:
    """An abort may come in between: then the store makes the job aborted, with this receipt."""
    again = follows(outcome)
    settlement = conclude(claim(), outcome, at=AT, progress=None, again=again)
    assert (settlement.status, settlement.death) == (Status.QUEUED, death)
    assert (settlement.again, settlement.retried, settlement.error) == (again, True, None)


def test_an_attempt_that_was_cut_short_is_remembered_if_it_began() -> None:
    """It uses nothing up."""

    def cut(reason: StopReason, death: Death) -> Again | None:
        return conclude(claim(), Stopped(reason, death), at=AT, progress=None).again

    assert cut(StopReason.DRAIN, DEATH) == Again(outcome=AttemptOutcome.DRAINED)
    assert cut(StopReason.LEASE_LOST, DEATH) == Again(outcome=AttemptOutcome.LOST)
    assert cut(StopReason.DRAIN, NOTHING_RAN) is None
