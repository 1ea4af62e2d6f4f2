"""Decisions: what follows from an outcome, and how long waits are."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core import policy
from scheduler.core.job import (
    TRANSITIONS,
    Claim,
    Crashed,
    Death,
    FailureKind,
    JsonText,
    Outcome,
    Progress,
    Purpose,
    Raised,
    Returned,
    Status,
    Stopped,
    StopReason,
    Unknown,
    Unreturnable,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
DEATH = Death(signal="SIGKILL", processes=3, survivors=0)
PROGRESS = Progress(done=1)

claims = st.builds(
    Claim,
    id=st.uuids().map(str),
    uid=st.text(min_size=1),
    task=st.text(min_size=1),
    data=st.just(JsonText("null")),
    hook=st.none(),
    attempt=st.integers(1, 9),
    token=st.integers(1, 2**62),
    purpose=st.just(Purpose.RUN),
)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Returned, st.just(JsonText("1"))),
    st.builds(Unreturnable, st.text()),
    st.builds(Raised, type=st.text(), message=st.text(), traceback=st.text()),
    st.builds(Crashed, st.integers(-64, 255), st.booleans()),
    st.builds(Unknown, loaded_at=st.just(AT)),
    st.builds(Stopped, st.sampled_from(StopReason), st.just(DEATH)),
)
seeds = st.integers(0, 2**32).map(Random)
leases_s = st.floats(1, 3600)


def claim() -> Claim:
    return Claim(
        id="1",
        uid="u",
        task="resize",
        data=JsonText("null"),
        hook=None,
        attempt=1,
        token=7,
        purpose=Purpose.RUN,
    )


@given(claims, outcomes)
def test_whatever_happens_only_an_allowed_change_is_written(each: Claim, outcome: Outcome) -> None:
    """It names its job and token, so that a late writer changes nothing."""
    settlement = policy.conclude(each, outcome, at=AT, progress=PROGRESS)
    assert settlement.status in TRANSITIONS[Status.RUNNING]
    assert (settlement.id, settlement.token, settlement.at) == (each.id, each.token, AT)
    assert settlement.progress == PROGRESS


@given(claims, outcomes)
def test_each_settlement_has_the_fields_of_its_status_and_no_others(
    each: Claim, outcome: Outcome
) -> None:
    """A result where it was successful, an error where it was not, the proof where aborted.

    What goes back to the queue takes the proof along: an abort may be requested meanwhile.
    """
    settlement = policy.conclude(each, outcome, at=AT, progress=None)
    assert (settlement.result is not None) == (settlement.status is Status.SUCCESSFUL)
    assert (settlement.error is not None) == (settlement.status is Status.TERMINATED)
    stopped = settlement.status in {Status.ABORTED, Status.QUEUED}
    assert (settlement.death is not None) == stopped


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (StopReason.ABORT, Status.ABORTED),
        (StopReason.TIME_LIMIT, Status.TERMINATED),
        (StopReason.DRAIN, Status.QUEUED),
        (StopReason.LEASE_LOST, Status.QUEUED),
    ],
)
def test_the_reason_of_a_stop_decides_the_status_of_the_job(
    reason: StopReason, status: Status
) -> None:
    """Only a user's request aborts a job; what the node gave up is queued again."""
    outcome = Stopped(reason, DEATH)
    assert policy.conclude(claim(), outcome, at=AT, progress=None).status is status


@pytest.mark.parametrize(
    ("outcome", "kind", "told"),
    [
        (Unreturnable("too large"), FailureKind.RESULT, "too large"),
        (Raised(type="E", message="m", traceback="t"), FailureKind.EXCEPTION, "m"),
        (Crashed(-9, broke_protocol=True), FailureKind.CRASH, "broke the protocol"),
        (Crashed(3), FailureKind.CRASH, "exit status 3"),
        (Crashed(-9), FailureKind.CRASH, "signal 9 (SIGKILL)"),
        (Crashed(-63), FailureKind.CRASH, "signal 63 (unnamed)"),
        (Unknown(AT), FailureKind.UNKNOWN_TASK, "'resize'; the node that took the job loaded its"),
        (
            Stopped(StopReason.TIME_LIMIT, DEATH, 0.5),
            FailureKind.TIMEOUT,
            "the handler 'resize' ran longer than its time limit of 0.5 s",
        ),
    ],
)
def test_every_failure_has_its_kind_and_says_what_happened(
    outcome: Outcome, kind: FailureKind, told: str
) -> None:
    """Clients branch on the kind; people read the message."""
    error = policy.conclude(claim(), outcome, at=AT, progress=None).error
    assert error is not None
    assert error.kind is kind
    assert told in error.message


def test_an_exception_keeps_its_traceback() -> None:
    """Its author needs the traceback."""
    raised = Raised(type="KeyError", message="'n'", traceback="Traceback …")
    error = policy.failure("resize", raised)
    assert (error.type, error.message, error.traceback) == ("KeyError", "'n'", "Traceback …")


def test_a_job_that_is_not_tried_again_says_how_often_its_node_died() -> None:
    """The number leads an operator to the configuration key that sets it."""
    error = policy.lost_failure(3)
    assert (error.kind, "3 times" in error.message) == (FailureKind.LOST, True)


@given(st.lists(st.none() | st.floats(0, 60)), st.floats(0, 60))
def test_the_grace_period_that_counts_is_the_first_that_is_not_none(
    wishes: list[float | None], default: float
) -> None:
    """The request comes before the handler, the handler before the node; 0 counts, too."""
    named = [wish for wish in [*wishes, default] if wish is not None]
    assert policy.grace_s(*wishes, default) == named[0]


@given(st.floats(0.001, 3600), st.floats(1, 1e6))
def test_looks_double_up_to_the_longest_and_stay_there(first_s: float, ratio: float) -> None:
    """Short jobs are aborted fast, and long ones do not cost many looks."""
    longest_s = first_s * ratio
    looks = list(islice(policy.looks_s(first_s=first_s, longest_s=longest_s), 100))
    assert looks[0] == first_s
    assert looks[-1] == longest_s
    for sooner, later in pairwise(looks):
        assert later == pytest.approx(min(sooner * 2, longest_s))


def test_the_looks_never_end() -> None:
    """A job may run for months, and may be aborted on any day."""
    looks = policy.looks_s(first_s=0.1, longest_s=30)
    assert next(islice(looks, 100_000, None)) == 30


@given(st.floats(0.1, 3600), seeds)
def test_an_idle_worker_looks_again_within_its_window(window_s: float, random: Random) -> None:
    """Late enough not to poll, early enough for what is promised."""
    assert window_s * 0.1 <= policy.idle_s(window_s=window_s, random=random) <= window_s


@given(st.integers(0, 10**9), st.floats(0.1, 60), seeds)
def test_a_backoff_is_never_zero_and_never_longer_than_allowed(
    failures: int, longest_s: float, random: Random
) -> None:
    """Neither a busy loop nor an hour of waiting, however long a server is away."""
    assert 0.05 <= policy.backoff_s(failures, random=random, longest_s=longest_s) <= longest_s


def test_backoffs_grow_with_the_failures() -> None:
    """A server that just came back must not get all calls at once."""
    random = Random(1)  # noqa: S311 - not a secret
    longest = [max(policy.backoff_s(n, random=random) for _ in range(200)) for n in (0, 2, 4, 9)]
    assert longest == sorted(longest)
    assert longest[0] <= 0.1
    assert longest[-1] > 4


@given(leases_s)
def test_a_node_has_ended_its_jobs_before_others_presume_it_dead(lease_s: float) -> None:
    """Or a job would run twice: at least a tenth of the lease is left for killing."""
    assert policy.fence_s(lease_s) + lease_s / 10 < lease_s


@given(leases_s)
def test_one_renewal_may_fail_before_a_node_gives_up_its_jobs(lease_s: float) -> None:
    """One lost answer must not end running jobs: a seventh is left for the next renewal."""
    waited_s = policy.renewal_s(lease_s) + policy.renewal_answer_s(lease_s)
    assert waited_s + lease_s / 7 < policy.fence_s(lease_s)


@given(leases_s)
def test_a_stall_within_its_bound_leaves_time_to_renew(lease_s: float) -> None:
    """It may begin just before a renewal, and end just after one was refused."""
    waits_s = policy.renewal_s(lease_s) + policy.retry_s(lease_s)
    assert waits_s + policy.stall_s(lease_s) < policy.fence_s(lease_s)


@given(leases_s)
def test_no_other_node_counts_a_stall_within_its_bound_as_a_death(lease_s: float) -> None:
    """It may have seen the last beat at once, and look again at the end of the stall."""
    assert policy.renewal_s(lease_s) + policy.stall_s(lease_s) < lease_s
