"""The model of one job: what must be true of it, as short as possible.

It gets the same calls as the store, and says what the store must have answered. Written from the
docstrings of `scheduler.core.ports`, not from any implementation of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from scheduler.core.job import FINAL, Cleanup, Job, Status

LOSSES_MAX: Final = 3
TRIES_MAX: Final = 3
"""Of a clean-up."""


@dataclass
class Life:
    """A job in the model."""

    id: str
    undoable: bool
    parent: str | None = None
    refuses_children: bool = False
    status: Status = Status.QUEUED
    attempt: int = 0
    token: int = 0
    losses: int = 0
    owner: str | None = None
    abort_asked: bool = False
    cleanup: Cleanup | None = None
    tries: int = 0
    """Of its clean-up: those that ended."""
    next_try_at: datetime | None = None
    result: str | None = None
    finished_at: datetime | None = None
    held: bool = False
    due: bool = False
    """Whether it is held until a time that has come."""
    parked: bool = False
    """Whether it is held because of a pause."""
    late: bool = False
    """Whether it has waited too long for its first attempt."""
    needs: tuple[str, ...] = ()
    """The labels that a node must have to run it."""
    priority: int = 0
    max_attempts: int | None = None
    used: int = 0
    """How many attempts failed and were followed by another one."""
    past: list[int] = field(default_factory=list)
    """The numbers of the attempts after which it was queued again, but for those given back."""

    @property
    def waits(self) -> bool:
        """Whether it waits for a worker."""
        unowned = self.cleaning and self.owner is None
        return self.queued or (unowned and self.next_try_at is None)

    @property
    def queued(self) -> bool:
        """Whether it waits for a worker that runs it."""
        return self.status is Status.QUEUED and not (self.held or self.parked)

    @property
    def expires(self) -> bool:
        waits = self.status is Status.QUEUED and not self.held
        return waits and self.late and not self.attempt

    @property
    def claimable(self) -> bool:
        return self.waits and not self.expires

    @property
    def cleaning(self) -> bool:
        return self.cleanup is Cleanup.PENDING

    def holds(self, token: int) -> bool:
        """Whether an attempt with this token may still write."""
        return self.status is Status.RUNNING and self.token == token

    def cleans(self, token: int) -> bool:
        """Whether a clean-up with this token may still write."""
        return self.cleaning and self.owner is not None and self.token == token

    def claim(self, owner: str) -> None:
        self.token, self.owner = self.token + 1, owner
        if self.status is Status.QUEUED:
            self.status, self.attempt = Status.RUNNING, self.attempt + 1

    def settle(self, status: Status, *, result: str | None, at: datetime) -> None:
        if status is Status.ABORTED or (status is Status.QUEUED and self.abort_asked):
            self._become_aborted(at)
        elif status is Status.QUEUED:
            self.status, self.owner = Status.QUEUED, None
        else:
            self._end(status, at)
            self.result = result

    def fail(self, *, again: bool, due: bool, at: datetime) -> None:
        """An attempt failed: the job ends, or waits for the next one; but an abort ends it."""
        if not again:
            self._end(Status.TERMINATED, at)
        elif self.abort_asked:
            self._become_aborted(at)
        else:
            self.past.append(self.attempt)
            self.status, self.owner, self.used = Status.QUEUED, None, self.used + 1
            self.held, self.due = True, due

    def ask_abort(self, at: datetime) -> None:
        if self.status in FINAL:
            return
        self.abort_asked = True
        if self.status is Status.QUEUED:
            self._become_aborted(at)

    def release(self, at: datetime) -> None:
        """Release the job of a node that is gone."""
        if self.status is Status.RUNNING and self.abort_asked:
            self._become_aborted(at)
            return
        self.owner, self.losses = None, self.losses + 1
        too_often = self.losses >= LOSSES_MAX
        if self.status is Status.RUNNING and too_often:
            self._end(Status.TERMINATED, at)
        elif self.status is Status.RUNNING:
            self.status = Status.QUEUED
            self.past.append(self.attempt)
        elif too_often:
            self.cleanup = Cleanup.FAILED

    def give_back_cleanup(self) -> None:
        self.owner = None

    def end_try(self, *, succeeded: bool, next_try_at: datetime) -> None:
        """A clean-up is tried until it succeeds, but not more often than allowed."""
        self.owner, self.tries = None, self.tries + 1
        if succeeded:
            self.cleanup = Cleanup.DONE
        elif self.tries == TRIES_MAX:
            self.cleanup = Cleanup.FAILED
        else:
            self.next_try_at = next_try_at

    def expire(self, at: datetime) -> None:
        self._end(Status.TERMINATED, at)

    def _become_aborted(self, at: datetime) -> None:
        self._end(Status.ABORTED, at)
        self.losses = 0
        self.cleanup = Cleanup.PENDING if self.undoable and self.attempt else None

    def _end(self, status: Status, at: datetime) -> None:
        self.status, self.owner, self.finished_at = status, None, at
        self.held = self.parked = False

    def shown(self) -> dict[str, Any]:
        """The fields that every reader must see."""
        return {
            "parent": self.parent,
            "status": self.status,
            "attempt": self.attempt,
            "owner": self.owner,
            "abort_asked": self.abort_asked,
            "cleanup": self.cleanup,
            "tries": self.tries,
            "next_try_at": self.next_try_at,
            "result": self.result,
            "finished_at": self.finished_at,
            "held": self.held or self.parked,
            "priority": self.priority,
            "past": self.past,
        }


def shown(job: Job) -> dict[str, Any]:
    """The same fields of a job that a store returned."""
    return {
        "parent": job.parent,
        "status": job.status,
        "attempt": job.attempt,
        "owner": job.owner,
        "abort_asked": job.abort is not None,
        "cleanup": job.abort and job.abort.cleanup,
        "tries": job.abort.tries.ended if job.abort else 0,
        "next_try_at": job.abort and job.abort.tries.next_at,
        "result": job.result,
        "finished_at": job.finished_at,
        "held": job.hold is not None,
        "priority": job.priority,
        "past": [each.number for each in job.past],
    }
