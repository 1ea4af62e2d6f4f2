"""The port to the workers of this node, for a job that is being submitted to it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from scheduler.core.job import Claim


class Reservation(Protocol):
    """A worker that waits for a job to be stored; or none, where no worker idles."""

    @property
    def node_id(self) -> str | None:
        """The node for which the job may be claimed as it is stored; None where no worker waits."""
        ...

    def begin(self, claims: Sequence[Claim], *, at: datetime) -> None:
        """Let the worker run what was claimed for it at an instant; without claims, no effect."""
        ...


class DirectStart(Protocol):
    """Lets a job begin without a trip through the queue, where a worker idles.

    Nothing relies on it: a claim that never reaches its worker is found and given back as any
    other lost claim, and a job that was not claimed goes into the queue.
    """

    def reserve(
        self, job_id: str, uid: str, needs: Sequence[str]
    ) -> AbstractContextManager[Reservation]:
        """Reserve an idle worker for a user's job, for the block in which it is stored.

        None for a job that needs labels which this node has not, or that it does not take; nor for
        users of whom only so many jobs may run: these are counted where jobs are claimed that
        waited.
        """
        ...
