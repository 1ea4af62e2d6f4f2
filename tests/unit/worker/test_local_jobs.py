"""The local_jobs: hints find the attempts they are meant for, whenever they come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

from scheduler.core.job import Claim, Progress, StopReason
from scheduler.worker.local_jobs import LocalJobs
from tests.unit.worker.test_attempt import CLAIM


class Entered:
    """What the local_jobs knows of an attempt."""

    def __init__(self, claim: Claim = CLAIM) -> None:
        self.claim = claim
        self.hinted = asyncio.Event()
        self.progress: Progress | None = None
        self.stops: list[StopReason] = []

    def stop(self, reason: StopReason, *, grace_s: float | None) -> None:
        del grace_s
        self.stops.append(reason)


def entered(token: int = 1) -> Any:  # noqa: ANN401 - passes for an attempt
    return cast("Any", Entered(replace(CLAIM, token=token)))


def test_a_hint_that_comes_before_the_claim_is_answered_is_kept() -> None:
    """The user's abort may overtake the answer that tells this node of its own claim."""
    local_jobs, attempt = LocalJobs(), entered()
    with local_jobs.track(CLAIM.id) as entry:
        local_jobs.hint(CLAIM.id)
        entry.begin(attempt, look=attempt.hinted.set)
        assert attempt.hinted.is_set()


def test_a_hint_is_not_kept_for_another_attempt() -> None:
    """Nor for a job that is none of this node's: what is kept must not grow."""
    local_jobs, attempt = LocalJobs(), entered()
    local_jobs.hint(CLAIM.id)
    with local_jobs.track(CLAIM.id):
        local_jobs.hint(CLAIM.id)
    with local_jobs.track(CLAIM.id) as entry:
        entry.begin(attempt, look=attempt.hinted.set)
        assert not attempt.hinted.is_set()
    assert not local_jobs.tracked


def test_a_job_is_tracked_while_anybody_expects_it() -> None:
    """An id may come to two workers; the one without a claim lets go first."""
    local_jobs = LocalJobs()
    with local_jobs.track(CLAIM.id):
        with local_jobs.track(CLAIM.id):
            pass
        assert list(local_jobs.tracked) == [CLAIM.id]
    assert not local_jobs.tracked


def test_an_attempt_and_its_successor_are_told_apart() -> None:
    """A result may still wait for the store when the job, taken over, comes back to this node."""
    local_jobs, first, second = LocalJobs(), entered(1), entered(2)
    with local_jobs.track(CLAIM.id) as entry:
        entry.begin(second, look=second.hinted.set)
        with local_jobs.track(CLAIM.id) as other:
            other.begin(first, look=first.hinted.set)
            assert len(local_jobs) == 2
        local_jobs.stop_all(StopReason.DRAIN)
        local_jobs.hint(CLAIM.id)
    assert (first.stops, second.stops) == ([], [StopReason.DRAIN])
    assert second.hinted.is_set()
    assert len(local_jobs) == 0


def test_progress_is_news_once() -> None:
    """It is written twice a second: what did not change costs nothing."""
    local_jobs, attempt = LocalJobs(), entered()
    with local_jobs.track(CLAIM.id) as entry:
        entry.begin(attempt, look=attempt.hinted.set)
        assert not local_jobs.new_progress()
        attempt.progress = Progress(done=1)
        assert local_jobs.new_progress() == [(CLAIM, Progress(done=1))]
        assert not local_jobs.new_progress()
        attempt.progress = Progress(done=2)
        assert local_jobs.new_progress() == [(CLAIM, Progress(done=2))]


def test_who_keeps_an_entry_keeps_the_job_tracked() -> None:
    """A unkillable goes on when the worker has gone on to other jobs."""
    local_jobs, attempt = LocalJobs(), entered()
    with local_jobs.track(CLAIM.id) as entry:
        entry.begin(attempt, look=attempt.hinted.set)
        leave = entry.keep()
    assert (list(local_jobs.tracked), len(local_jobs)) == ([CLAIM.id], 1)
    leave()
    assert (list(local_jobs.tracked), len(local_jobs)) == ([], 0)
