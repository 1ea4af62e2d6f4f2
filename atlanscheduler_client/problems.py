"""The errors that a call can raise, by what its caller can do about them.

ClientError
├── Unreachable           no node answered: start one, correct the URL, or try later
│   ├── WrongServer       something else answered: correct the URL
│   └── Lost              a stream broke in the middle: open it again
└── Problem               the node refused the call: RFC 9457, with status, type and detail
    ├── Unauthenticated   there was no token, or one that has no force: give another one
    ├── Forbidden         the token does not allow it: use one that does
    ├── NoSuchJob         the job belongs to another user, was deleted, or never existed
    ├── JobEnded          the job ended before it could be aborted; the error has the job
    ├── JobNotQueued      the job runs or has ended, and cannot be changed; the error has the job
    ├── JobNotOver        the job is not over, and cannot be run again; the error has the job
    ├── UniqueKeyTaken    another job has the unique key; the error has that job
    ├── QuotaExceeded     the submission is beyond a quota: wait, and send the same again
    └── Unavailable       the same call may work in a moment; no part of it was done

A wait whose time is up raises the built-in `TimeoutError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from atlanscheduler_client.shapes import Job


class Flaw(NamedTuple):
    """One thing that is wrong with a request."""

    pointer: str
    """Where: a JSON pointer into the body, or the name of a parameter."""
    detail: str


class ClientError(Exception):
    """The base class of all errors that a client raises on purpose."""


class Unreachable(ClientError):
    """No node answered at this URL; a submission may have been accepted all the same."""


class WrongServer(Unreachable):
    """What answered at this URL is no node of AtlanScheduler."""


def untrusted(url: str, error: Exception) -> WrongServer:
    """The error where the certificate of what answers is not accepted."""
    reason = getattr(error, "verify_message", None) or str(error)
    return WrongServer(
        f"the certificate of what answers at {url} does not do: {reason.removesuffix('.')};"
        " use a name that it has, and let SSL_CERT_FILE name its authority"
    )


class Lost(Unreachable):
    """The connection broke in the middle of a stream."""


class Problem(ClientError):
    """The node refused the call, and says why."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status = status
        self.type = str(document.get("type", "about:blank"))
        self.title = str(document.get("title", _phrase(status)))
        self.detail = str(document.get("detail", self.title))
        self.errors: Sequence[Flaw] = tuple(Flaw(**flaw) for flaw in document.get("errors", ()))
        super().__init__(self.detail)


class Unauthenticated(Problem):
    """The node asks for a token, and there was none, or one that has no force (any more).

    `Client(url, token=…)` takes one, and the environment variable ATLANSCHEDULER_TOKEN.
    """

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        super().__init__(status, document)
        if document:  # else it is a proxy that asks, perhaps for something else
            self.args = (f"{self.detail}; give one as token=… or in ATLANSCHEDULER_TOKEN",)


class Forbidden(Problem):
    """The token may not do this: by its role, or because it does not act for this user."""


class NoSuchJob(Problem):
    """This user has no such job."""


class JobEnded(Problem):
    """The job ended before it could be aborted; `job` is the job."""

    def __init__(self, status: int, document: dict[str, Any], job: Job) -> None:
        super().__init__(status, document)
        self.job = job


class JobNotQueued(Problem):
    """The job runs or has ended, and so cannot be changed; `job` is the job."""

    def __init__(self, status: int, document: dict[str, Any], job: Job) -> None:
        super().__init__(status, document)
        self.job = job


class JobNotOver(Problem):
    """The job is queued, runs or is still to be undone, and so is not run again; `job` is it."""

    def __init__(self, status: int, document: dict[str, Any], job: Job) -> None:
        super().__init__(status, document)
        self.job = job


class UniqueKeyTaken(Problem):
    """Another job has the unique key, and is not over; `job` is it."""

    def __init__(self, status: int, document: dict[str, Any], job: Job) -> None:
        super().__init__(status, document)
        self.job = job


class Violation(NamedTuple):
    """One limit that a request exceeds."""

    policy: str
    """`queued` for `queued_max`, `submit` for `submits_per_s`, `schedules` for `schedules_max`."""
    uid: str
    limit: int
    used: int


class QuotaExceeded(Problem):
    """The request is beyond a quota of its users; nothing of it is stored."""

    def __init__(
        self, status: int, document: dict[str, Any], retry_after_s: float | None = None
    ) -> None:
        super().__init__(status, document)
        self.violations: Sequence[Violation] = tuple(
            Violation(*(each[name] for name in Violation._fields))
            for each in document.get("violations", ())
        )
        self.retry_after_s = retry_after_s
        """When it may be taken; None: never, or a schedule has to be deleted before."""


class Unavailable(Problem):
    """The node, or the store behind it, cannot take the call now."""


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"
