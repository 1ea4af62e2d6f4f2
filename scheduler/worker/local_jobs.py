"""What this node has a hand in now: jobs it is about to claim, and the attempts that run here.

    expecting ──────────────────────────────────────────────▶   from before the claim, to the end
                 entry ───────────────────────────▶             once there is something to stop

A hint that comes for a job between the two is kept for its attempt. What the store says is ours and
is not expected here is nobody's: see `lost_claims`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from types import TracebackType
from typing import Self

from scheduler.core.job import Claim, Progress, StopReason
from scheduler.worker.attempt import Attempt


class LocalJobs:
    """Who is running, for those that have something to tell them."""

    def __init__(self) -> None:
        self._expected = Counter[str]()
        self._hinted: set[str] = set()
        # Not by job id: an attempt that was taken over may still be here, with its successor.
        self._attempts: dict[Attempt, Callable[[], None]] = {}
        self._reported: dict[Attempt, Progress] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def expected(self) -> AbstractSet[str]:
        """Ids of the jobs that somebody here claims, runs or settles at this moment."""
        return frozenset(self._expected)

    def expecting(self, job_id: str) -> Entry:
        """Tell of a job from before its claim is asked for until nothing is left to do for it."""
        return Entry(self, job_id)

    def expect(self, job_id: str) -> None:
        """Keep hints for this job; each call is matched by one of `leave`."""
        self._expected[job_id] += 1

    def enter(self, attempt: Attempt, hint: Callable[[], None]) -> None:
        """Keep an attempt on the local_jobs; `hint` is called when its abort may be requested."""
        self._attempts[attempt] = hint
        if attempt.claim.id in self._hinted:
            hint()

    def leave(self, job_id: str, attempt: Attempt | None) -> None:
        """Take a job, and what was its attempt here, off again."""
        if attempt is not None:
            self._attempts.pop(attempt, None)
            self._reported.pop(attempt, None)
        self._expected[job_id] -= 1
        if not self._expected[job_id]:
            del self._expected[job_id]
            self._hinted.discard(job_id)

    def hint(self, job_id: str) -> None:
        """Wake the watcher of a job: an abort may have been requested."""
        if job_id in self._expected:
            self._hinted.add(job_id)
        for attempt, hint in tuple(self._attempts.items()):
            if attempt.claim.id == job_id:
                hint()

    def stop_all(self, reason: StopReason, *, grace_s: float | None = None) -> None:
        """Stop every attempt."""
        for attempt in self._attempts:
            attempt.stop(reason, grace_s=grace_s)

    def news(self) -> Sequence[tuple[Claim, Progress]]:
        """Attempts whose progress changed since this was last asked."""
        fresh = {
            attempt: attempt.progress
            for attempt in self._attempts
            if attempt.progress is not None and attempt.progress != self._reported.get(attempt)
        }
        self._reported |= fresh
        return [(attempt.claim, progress) for attempt, progress in fresh.items()]


class Entry:
    """A job on the local_jobs, for as long as the block runs, or until whoever keeps it is done."""

    __slots__ = ("_attempt", "_job_id", "_kept", "_local_jobs")

    def __init__(self, local_jobs: LocalJobs, job_id: str) -> None:
        self._local_jobs = local_jobs
        self._job_id = job_id
        self._attempt: Attempt | None = None
        self._kept = False

    def __enter__(self) -> Self:
        self._local_jobs.expect(self._job_id)
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if not self._kept:
            self._leave()

    def begin(self, attempt: Attempt, *, hint: Callable[[], None]) -> None:
        """There is something to stop now, and `hint` is to be called when it may have to be."""
        self._attempt = attempt
        self._local_jobs.enter(attempt, hint)

    def keep(self) -> Callable[[], None]:
        """Stay on the local_jobs beyond the block, until what this answers is called."""
        self._kept = True
        return self._leave

    def _leave(self) -> None:
        self._local_jobs.leave(self._job_id, self._attempt)
