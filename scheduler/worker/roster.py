"""What this node has a hand in now: jobs it is about to claim, and the attempts that run here.

    expecting ──────────────────────────────────────────────▶   from before the claim, to the end
                 entry ───────────────────────────▶             once there is something to stop

A hint that comes for a job between the two is kept for its attempt. What the store says is ours and
is not expected here is nobody's: see `strays`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from scheduler.job import Claim, Progress, StopReason
    from scheduler.worker.attempt import Attempt


class Roster:
    """Who is running, for those that have something to tell them."""

    def __init__(self) -> None:
        self._expected = Counter[str]()
        self._hinted: set[str] = set()
        # Not by job id: an attempt that was taken over may still be here, with its successor.
        self._attempts: set[Attempt] = set()
        self._reported: dict[Attempt, Progress] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    @property
    def expected(self) -> AbstractSet[str]:
        """Ids of the jobs that somebody here claims, runs or settles at this moment."""
        return frozenset(self._expected)

    @contextmanager
    def expecting(self, job_id: str) -> Iterator[None]:
        """Tell of a job from before its claim is asked for until nothing is left to do for it."""
        self._expected[job_id] += 1
        try:
            yield
        finally:
            self._expected[job_id] -= 1
            if not self._expected[job_id]:
                del self._expected[job_id]
                self._hinted.discard(job_id)

    @contextmanager
    def entry(self, attempt: Attempt) -> Iterator[None]:
        """Keep an attempt on the roster while it runs."""
        self._attempts.add(attempt)
        if attempt.claim.id in self._hinted:
            attempt.hinted.set()
        try:
            yield
        finally:
            self._attempts.discard(attempt)
            self._reported.pop(attempt, None)

    def hint(self, job_id: str) -> None:
        """Wake the watcher of a job: an abort may have been requested."""
        if job_id in self._expected:
            self._hinted.add(job_id)
        for attempt in self._attempts:
            if attempt.claim.id == job_id:
                attempt.hinted.set()

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
