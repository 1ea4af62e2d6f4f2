"""The attempts that run on this node now, by the id of their job."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scheduler.job import Progress, StopReason
    from scheduler.worker.attempt import Attempt


class Roster:
    """Who is running, for those that have something to tell them."""

    def __init__(self) -> None:
        self._attempts: dict[str, Attempt] = {}
        self._reported: dict[str, Progress] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    @contextmanager
    def entry(self, attempt: Attempt) -> Iterator[None]:
        """Keep an attempt on the roster while it runs."""
        job_id = attempt.claim.id
        self._attempts[job_id] = attempt
        try:
            yield
        finally:
            del self._attempts[job_id]
            self._reported.pop(job_id, None)

    def hint(self, job_id: str) -> None:
        """Wake the watcher of a job: an abort may have been requested."""
        if job_id in self._attempts:
            self._attempts[job_id].hinted.set()

    def stop_all(self, reason: StopReason, *, grace_s: float | None = None) -> None:
        """Stop every attempt."""
        for attempt in self._attempts.values():
            attempt.stop(reason, grace_s=grace_s)

    def news(self) -> Mapping[tuple[str, int], Progress]:
        """Progress, by job id and token, that changed since this was last asked."""
        fresh = {
            job_id: attempt.progress
            for job_id, attempt in self._attempts.items()
            if attempt.progress is not None and attempt.progress != self._reported.get(job_id)
        }
        self._reported |= fresh
        return {
            (job_id, self._attempts[job_id].claim.token): progress
            for job_id, progress in fresh.items()
        }
