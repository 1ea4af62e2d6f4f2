"""The port to jobs that wait for other jobs, and to groups; a part of the port to the store.

A job that waits is stored by `Store.insert`, and ended by whatever ends jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from scheduler.core.dependencies.resolving import EndedPredecessor, GroupCount, Resolved
from scheduler.core.job import Status


class DependencyStore(Protocol):
    """What waits for other jobs, and groups of jobs. The package says what all ports promise."""

    async def resolve(self, *, limit: int) -> Resolved:
        """Act on the ends of jobs for which others wait, in up to `limit` steps.

        A job is let go once all that it comes after are over; it counts as eligible from then on.
        With the condition `success`, one of these that ended otherwise aborts it at once, with
        `NOTHING_RAN` and a reason that names that job; and so on with those that wait for it. Each
        step takes effect once, whoever else calls this. Where nothing is left to do for jobs that
        are over, `done` is 0.
        """
        ...

    async def ended_predecessors(
        self, sets: Sequence[Collection[str]], *, chars_max: int
    ) -> Sequence[Sequence[EndedPredecessor]]:
        """How jobs ended: those of each set that are there, oldest first.

        The results of a set are left out from that one on with which they pass `chars_max`.
        """
        ...

    async def successors(self, job_id: str, *, uid: str, limit: int) -> Sequence[str]:
        """Ids of the first jobs that wait, or waited, for a user's job."""
        ...

    async def open_predecessors(self, job_id: str, *, limit: int) -> Sequence[str]:
        """Ids of the first jobs whose end has had no effect on a job that waits for them."""
        ...

    async def group_counts(
        self, uid: str, group: str, *, count_max: int
    ) -> Mapping[Status, GroupCount]:
        """How many jobs of a user's group have each status, counted up to `count_max` each."""
        ...
