"""A witness: compares what users and nodes saw of jobs with what they see later.

It does not know how a job got where it is, only what must never happen. By the numbers of
docs/guarantees.md:

    1 two attempts at once      2 a token that did not grow      3 a final status that changed
    5 an attempt after an abort was answered                     7 a result that changed
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache

from scheduler.core.job import FINAL, NOT_TRIED, TRANSITIONS, Claim, Job, Purpose, Status


class Witness:
    """Sees jobs and claims, and raises `AssertionError` for what must never happen."""

    def __init__(self) -> None:
        self.alive: dict[str, object] = {}
        """What runs a job now, by the job's id."""
        self._seen: dict[str, Job] = {}
        self._tokens: dict[str, int] = {}
        self._aborted: set[str] = set()

    def see(self, job: Job) -> None:
        """See a job as it is now; some of its earlier states may not have been seen."""
        before = self._seen.get(job.id)
        if before is None or before is job:  # nothing can change in a job, only the job for another
            self._seen[job.id] = job
            return
        assert job.status in _reachable(before.status), (
            f"guarantee 3: {before.status} became {job.status}"
        )
        if before.status in FINAL:
            assert _lasting(job) == _lasting(before), "guarantees 3, 7: a final job changed"
        if before.abort is not None:
            assert job.abort is not None, "guarantee 5: an abort was forgotten"
            assert job.abort.requested_at == before.abort.requested_at, (
                "guarantee 5: the first one counts"
            )
            assert job.attempt <= before.attempt, "guarantee 5: an attempt began after the abort"
        self._seen[job.id] = job

    def abort_answered(self, job: Job) -> None:
        """A user got the answer that the job is aborted, or being stopped."""
        if job.abort is not None:
            self._aborted.add(job.id)

    def claimed(self, claim: Claim) -> None:
        """A node got a claim."""
        assert claim.token > self._tokens.get(claim.id, 0), "guarantee 2: a token came twice"
        self._tokens[claim.id] = claim.token
        if claim.purpose is Purpose.RUN:
            assert claim.id not in self._aborted, "guarantee 5: an aborted job is to run"

    def attempts(self, job_id: str) -> None:
        """An attempt begins."""
        assert job_id not in self._aborted, "guarantee 5: an attempt began after an answered abort"

    def begins(self, job_id: str, runner: object) -> None:
        """A process of the job runs from now on."""
        assert job_id not in self.alive, (
            f"guarantee 1: {runner} runs what {self.alive[job_id]} runs"
        )
        self.alive[job_id] = runner

    def ends(self, job_id: str, runner: object) -> None:
        """The process ends, if it was this runner's."""
        if self.alive.get(job_id) == runner:
            del self.alive[job_id]

    def forget(self, job_id: str) -> None:
        """The job was deleted after its retention."""
        del self._seen[job_id]


@cache
def _reachable(status: Status) -> Collection[Status]:
    """All statuses that a job can have reached from this one."""
    found: set[Status] = set()
    ahead = {status}
    while ahead:
        found |= ahead
        ahead = {after for each in ahead for after in TRANSITIONS[each]} - found
    return found


def _lasting(job: Job) -> Job:
    """The lasting part of a final job: not its clean-up, what its claim sets anew, and others."""
    abort = job.abort and replace(job.abort, cleanup=None, tries=NOT_TRIED)
    return replace(job, owner=None, token=0, revision=0, abort=abort, awaited=False)
