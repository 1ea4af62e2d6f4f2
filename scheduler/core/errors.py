"""What can go wrong, by what the caller can do about it.

SchedulerError
├── StartError          the operator: correct the configuration or the environment, then start again
├── Unavailable         anybody: the same call may succeed in a moment
│   ├── StoreUnavailable
│   │   └── StoreRefused   nobody: a defect; the node goes on as if the store were unavailable
│   └── QueueUnavailable
├── Unauthenticated     the client: say who you are, with a token that has force
├── Forbidden           the client: ask somebody who may do this
├── Invalid             the client: send something else; it says what, field by field
├── TooLarge            the client: send less
├── QuotaExceeded       the client: wait, and send the same again
├── NotFound            the client: there is no such job for this user
├── NoSuchToken         the client: there is no such token
├── NoSuchPause         the client: this is not paused
├── NoSuchSchedule      the client: there is no such schedule of this user
├── Conflict            the client: the job or the key is already something else
├── UniqueConflict      the client: another job has this key until it is over
├── ParentAborted       the client: nothing, its job is not wanted any more
└── NoSuchPredecessors  the client: name jobs of the same user that are there

Expected results are not here: they are values (`Outcome`, `Claim | None`). Only `scheduler.api`
maps these to status codes, and only `main` to an exit status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # each pool process would import it for nothing, which takes long
    from scheduler.core.job import Job


class SchedulerError(Exception):
    """Base class of every error that the scheduler raises on purpose."""


class StartError(SchedulerError):
    """The node cannot start; the message is one line for the person who started it."""


class Unavailable(SchedulerError):
    """The store or the queue did not take the call; nothing of it is half done."""


class StoreUnavailable(Unavailable):
    """The store did not answer, or answered that it cannot take the call now."""


class StoreRefused(StoreUnavailable):
    """The store refused what this call brings, and would refuse it again; other calls may work."""


class QueueUnavailable(Unavailable):
    """The queue did not answer, or answered that it cannot take the call now."""


class Unauthenticated(SchedulerError):
    """The request brings no token, or one that has no force."""


class Forbidden(SchedulerError):
    """Whoever asks may not do this, or not for this user."""


class Flaw(NamedTuple):
    """One thing that is wrong with a request."""

    pointer: str
    """Where it is: a JSON pointer (RFC 6901) into the body, or the name of a query parameter."""
    detail: str
    """What was sent, and what is allowed."""


class Invalid(SchedulerError):
    """The request is malformed; `flaws` says where and why."""

    def __init__(self, detail: str, flaws: tuple[Flaw, ...] = ()) -> None:
        super().__init__(detail)
        self.flaws = flaws


class TooLarge(SchedulerError):
    """The request is larger than the configuration allows."""


class Standing(NamedTuple):
    """How a user stands to one limit of a quota."""

    policy: str
    """Which limit it is."""
    uid: str
    limit: int
    used: int
    """More than the limit where the limit was lowered, or a large array came at once."""
    window_s: int | None = None
    """In which the limit may be used up again and again; None: what is used stays used."""
    resets_s: int | None = None
    """After how long nothing of it is used, if nothing more comes; None: nobody knows."""


class QuotaExceeded(SchedulerError):
    """The request is beyond a quota of its users; nothing of it is stored."""

    def __init__(
        self, detail: str, violations: tuple[Standing, ...], *, retry_after_s: int | None
    ) -> None:
        """Say what is exceeded.

        Args:
            retry_after_s: when to try again; None: never, or after somebody has deleted something.
        """
        super().__init__(detail, violations)
        self.detail = detail
        self.violations = violations
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.detail


class NotFound(SchedulerError):
    """There is no such job, or it is another user's: the client cannot tell which."""


class NoSuchToken(SchedulerError):
    """There is no token with this id."""


class NoSuchPause(SchedulerError):
    """There is no such pause, or it has ended."""


class NoSuchSchedule(SchedulerError):
    """There is no such schedule, or it is another user's: the client cannot tell which."""


class Conflict(SchedulerError):
    """The job, or the idempotency key, is already in a state that rules the call out."""


class UniqueConflict(SchedulerError):
    """Another job has the unique key: `job`."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job {job.id} has this unique key, and is not over")
        self.job = job


class ParentAborted(SchedulerError):
    """The job's parent was aborted with its children, so it gets no new ones."""


class NoSuchPredecessors(SchedulerError):
    """A job is to wait for jobs that are not there, or are another user's: nobody is told which."""

    def __init__(self, ids: frozenset[str]) -> None:
        super().__init__(f"there are no such jobs to wait for: {', '.join(sorted(ids))}")
        self.ids = ids
