"""The jobs of this node: hints reach the attempts that they are for, whenever they come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from scheduler.core.job import Claim, Progress, StopReason
from scheduler.worker.local_jobs import LocalJob, LocalJobs
from tests.unit.worker.test_attempt import CLAIM


class StandInAttempt:
    """The part of an attempt that `LocalJobs` uses."""

    def __init__(self, claim: Claim = CLAIM) -> None:
        self.claim = claim
        self.hinted = asyncio.Event()
        self.progress: Progress | None = None
        self.stops: list[StopReason] = []

    def stop(self, reason: StopReason, *, grace_s: float | None) -> None:
        del grace_s
        self.stops.append(reason)


def attempt_of(token: int = 1) -> Any:  # noqa: ANN401 - passes for an attempt
    return cast("Any", StandInAttempt(replace(CLAIM, token=token)))


@contextmanager
def tracked(local_jobs: LocalJobs) -> Iterator[LocalJob]:
    with local_jobs.track([CLAIM.id]) as found:
        yield found[CLAIM.id]


def test_a_hint_that_comes_before_the_claim_is_answered_is_kept() -> None:
    """The user's abort may arrive before the answer to this node's claim."""
    local_jobs, attempt = LocalJobs(), attempt_of()
    with tracked(local_jobs) as local_job:
        local_jobs.hint(CLAIM.id)
        local_job.begin(attempt, look=attempt.hinted.set)
        assert attempt.hinted.is_set()


def test_a_hint_is_not_kept_for_another_attempt() -> None:
    """Nor for a job of another node: the hints that are kept must not grow."""
    local_jobs, attempt = LocalJobs(), attempt_of()
    local_jobs.hint(CLAIM.id)
    with tracked(local_jobs):
        local_jobs.hint(CLAIM.id)
    with tracked(local_jobs) as local_job:
        local_job.begin(attempt, look=attempt.hinted.set)
        assert not attempt.hinted.is_set()
    assert not local_jobs.tracked


def test_a_job_is_tracked_until_its_last_block_ends() -> None:
    """An id may come to two workers; the one without a claim leaves first."""
    local_jobs = LocalJobs()
    with tracked(local_jobs):
        with tracked(local_jobs):
            pass
        assert list(local_jobs.tracked) == [CLAIM.id]
    assert not local_jobs.tracked


def test_an_attempt_and_its_successor_are_kept_apart() -> None:
    """A result may still wait for the store when the job, taken over, comes back to this node."""
    local_jobs, first, second = LocalJobs(), attempt_of(1), attempt_of(2)
    with tracked(local_jobs) as local_job:
        local_job.begin(second, look=second.hinted.set)
        with tracked(local_jobs) as other:
            other.begin(first, look=first.hinted.set)
            assert len(local_jobs) == 2
        local_jobs.stop_all(StopReason.DRAIN)
        local_jobs.hint(CLAIM.id)
    assert (first.stops, second.stops) == ([], [StopReason.DRAIN])
    assert second.hinted.is_set()
    assert len(local_jobs) == 0


def test_progress_is_reported_once() -> None:
    """It is written twice a second; unchanged progress costs nothing."""
    local_jobs, attempt = LocalJobs(), attempt_of()
    with tracked(local_jobs) as local_job:
        local_job.begin(attempt, look=attempt.hinted.set)
        assert not local_jobs.new_progress()
        attempt.progress = Progress(done=1)
        assert local_jobs.new_progress() == [(CLAIM, Progress(done=1))]
        assert not local_jobs.new_progress()
        attempt.progress = Progress(done=2)
        assert local_jobs.new_progress() == [(CLAIM, Progress(done=2))]


def test_a_kept_job_stays_tracked_until_it_is_released() -> None:
    """Its unkillable processes are still watched when the worker runs other jobs."""
    local_jobs, attempt = LocalJobs(), attempt_of()
    with tracked(local_jobs) as local_job:
        local_job.begin(attempt, look=attempt.hinted.set)
        leave = local_job.keep()
    assert (list(local_jobs.tracked), len(local_jobs)) == ([CLAIM.id], 1)
    leave()
    assert (list(local_jobs.tracked), len(local_jobs)) == ([], 0)
