"""What a call can raise, by what its caller can do about it.

ClientError
├── Unreachable       start the node, mend the URL, or try later
│   └── Lost          a stream broke in the middle: open it again
└── Problem           the node answered that it will not: RFC 9457, with status, type and detail
    ├── NoSuchJob     the job is another user's, was deleted, or never was
    ├── JobEnded      it ended before it could be aborted; it comes along
    └── Unavailable   the same call may work in a moment; nothing of it is half done

A wait whose time is up raises the built-in `TimeoutError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from scheduler.client.shapes import Job


class Flaw(NamedTuple):
    """One thing that is wrong with a request."""

    pointer: str
    """Where: a JSON pointer into the body, or the name of a parameter."""
    detail: str


class ClientError(Exception):
    """Root of everything that a client raises on purpose."""


class Unreachable(ClientError):
    """No node answered at this URL; a submission may have been taken all the same."""


class Lost(Unreachable):
    """The connection broke in the middle of a stream."""


class Problem(ClientError):
    """The node answered that it will not do it, and why."""

    def __init__(self, status: int, document: dict[str, Any]) -> None:
        self.status = status
        self.type = str(document.get("type", "about:blank"))
        self.title = str(document.get("title", _phrase(status)))
        self.detail = str(document.get("detail", self.title))
        self.errors: Sequence[Flaw] = tuple(Flaw(**flaw) for flaw in document.get("errors", ()))
        super().__init__(self.detail)


class NoSuchJob(Problem):
    """This user has no such job."""


class JobEnded(Problem):
    """The job ended otherwise before it could be aborted."""

    def __init__(self, status: int, document: dict[str, Any], job: Job) -> None:
        super().__init__(status, document)
        self.job = job


class Unavailable(Problem):
    """The node, or the store behind it, cannot take the call now."""


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"status {status}"
