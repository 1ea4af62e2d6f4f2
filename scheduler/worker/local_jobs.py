"""The jobs that this node is claiming, running or settling.

    track  ─────────────────────────────────────────────────▶   from before the claim to the end
            begin ────────────────────────────────▶             while there is an attempt to stop

A hint that an abort was requested may come before `begin`: it is kept for the attempt. A job that
this node owns in the store, and that is not tracked here, is a lost claim: see `lost_claims`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from scheduler.core.job import Claim, Progress, StopReason
from scheduler.worker.attempt import Attempt


class LocalJobs:
    """Tracks the jobs of this node, and passes hints and stops to their attempts."""

    def __init__(self) -> None:
        self._tracked = Counter[str]()
        self._hinted: set[str] = set()
        # Not by job id: an attempt whose job was taken over may still be here, with its successor.
        self._attempts: dict[Attempt, Callable[[], None]] = {}
        self._reported: dict[Attempt, Progress] = {}

    def __len__(self) -> int:
        """How many attempts there are."""
        return len(self._attempts)

    @property
    def tracked(self) -> AbstractSet[str]:
        """Ids of the jobs that this node is claiming, running or settling."""
        return frozenset(self._tracked)

    @contextmanager
    def track(self, job_ids: Iterable[str]) -> Iterator[Mapping[str, LocalJob]]:
        """Track jobs for a block: from before their claim until nothing is left to do for them."""
        local_jobs = {job_id: LocalJob(self, job_id) for job_id in job_ids}
        try:
            yield local_jobs
        finally:
            for local_job in local_jobs.values():
                local_job.end()

    def hinted(self, job_id: str) -> bool:
        """Whether an abort of this job may have been requested."""
        return job_id in self._hinted

    def hint(self, job_id: str) -> None:
        """Make the job's abort watcher look at once: an abort may have been requested."""
        if job_id in self._tracked:
            self._hinted.add(job_id)
        for attempt, look in tuple(self._attempts.items()):
            if attempt.claim.id == job_id:
                look()

    def stop_all(self, reason: StopReason, *, grace_s: float | None = None) -> None:
        """Stop every attempt."""
        for attempt in self._attempts:
            attempt.stop(reason, grace_s=grace_s)

    def new_progress(self) -> Sequence[tuple[Claim, Progress]]:
        """The claims whose progress has changed since the last call, with that progress."""
        fresh = {
            attempt: attempt.progress
            for attempt in self._attempts
            if attempt.progress is not None and attempt.progress != self._reported.get(attempt)
        }
        self._reported |= fresh
        return [(attempt.claim, progress) for attempt, progress in fresh.items()]

    def begin(self, attempt: Attempt, look: Callable[[], None]) -> None:
        """Add an attempt; `look` is called when its abort may have been requested."""
        self._attempts[attempt] = look
        if attempt.claim.id in self._hinted:
            look()

    def enter(self, job_id: str) -> None:
        """Keep hints for this job. Each call is matched by one of `leave`."""
        self._tracked[job_id] += 1

    def leave(self, job_id: str, attempt: Attempt | None) -> None:
        """Forget a job and its attempt, if there was one."""
        if attempt is not None:
            self._attempts.pop(attempt, None)
            self._reported.pop(attempt, None)
        self._tracked[job_id] -= 1
        if not self._tracked[job_id]:
            del self._tracked[job_id]
            self._hinted.discard(job_id)


class LocalJob:
    """A tracked job: until its block ends or, after `keep`, until it is released."""

    __slots__ = ("_attempt", "_job_id", "_kept", "_local_jobs")

    def __init__(self, local_jobs: LocalJobs, job_id: str) -> None:
        self._local_jobs = local_jobs
        self._job_id = job_id
        self._attempt: Attempt | None = None
        self._kept = False
        local_jobs.enter(job_id)

    @property
    def hinted(self) -> bool:
        """Whether an abort may have been requested."""
        return self._local_jobs.hinted(self._job_id)

    def begin(self, attempt: Attempt, *, look: Callable[[], None]) -> None:
        """Record the job's attempt; `look` is called when its abort may have been requested."""
        self._attempt = attempt
        self._local_jobs.begin(attempt, look)

    def keep(self) -> Callable[[], None]:
        """Track the job beyond the block, until the returned function is called."""
        self._kept = True
        return self._release

    def end(self) -> None:
        """End the block."""
        if not self._kept:
            self._release()

    def _release(self) -> None:
        self._local_jobs.leave(self._job_id, self._attempt)
