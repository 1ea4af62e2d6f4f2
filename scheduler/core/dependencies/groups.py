"""Groups: jobs of one user under one name, and how far all of them are together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from scheduler.core.dependencies.resolving import GroupCount
from scheduler.core.job import FINAL, Status

COUNTED_MAX: Final = 100_000
"""How many jobs of a group are counted for each status: some ten milliseconds."""


class Group(NamedTuple):
    """How many jobs of a group have each status."""

    uid: str
    name: str
    counts: Mapping[Status, GroupCount]

    @property
    def jobs(self) -> int:
        """How many there are."""
        return sum(count.jobs for count in self.counts.values())

    @property
    def ended(self) -> int:
        """How many are final."""
        return sum(self.counts[status].jobs for status in FINAL)

    @property
    def held(self) -> int:
        """How many of the queued ones wait for something else than a worker."""
        return self.counts[Status.QUEUED].held

    @property
    def is_exact(self) -> bool:
        """Whether all were counted."""
        return all(count.jobs < COUNTED_MAX for count in self.counts.values())
