"""Reads a response: returns a value if the node did the call, raises an error if it did not."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from atlanscheduler_client.json_text import loads
from atlanscheduler_client.problems import JobEnded, NoSuchJob, Problem, Unavailable, Unreachable
from atlanscheduler_client.reading import job_of

GATEWAY: Final = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
"""What a proxy answers when no node does. Unlike a node's, its answers are no problem documents."""
KIND: Final = "urn:atlanscheduler:problem:"
_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, read completely."""

    status: int
    link: str | None
    """The `Link` header."""
    body: bytes

    @property
    def next_query(self) -> str | None:
        """The query of the next page (RFC 8288), if there is one."""
        found = _NEXT.search(self.link or "")
        return found and urlsplit(found[1]).query

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The body as a JSON value."""
        return loads(self.body)


class Readable(Protocol[T_co]):
    """A call, as far as reading its response needs it."""

    @property
    def read(self) -> Callable[[Response], T_co]:
        """Makes the value of the call from its response."""
        ...


def value_of(call: Readable[T_co], response: Response) -> T_co:
    """The value that the call asked for.

    Raises:
        Problem: the node refused the call.
        Unreachable: the response is not from a node.
    """
    raise_for_problem(response)
    try:
        return call.read(response)
    except (ValueError, LookupError, TypeError) as error:
        raise Unreachable("something answered that is no node of AtlanScheduler") from error


def raise_for_problem(response: Response) -> None:
    """Raise the problem that the response reports, if it reports one.

    Raises:
        Problem: the status is not one of success.
        Unreachable: a proxy says so, of the node behind it.
    """
    if response.status < 300:
        return
    details = _details(response)
    if response.status in GATEWAY and not details:
        raise Unreachable(f"a proxy answered {response.status} {GATEWAY[response.status]}")
    raise _problem(response.status, details)


def _problem(status: int, document: dict[str, Any]) -> Problem:
    match str(document.get("type", "")).removeprefix(KIND):
        case "no-such-job":
            return NoSuchJob(status, document)
        case "job-ended":
            return JobEnded(status, document, job_of(document["job"]))
        case "unavailable" | "not-ready":
            return Unavailable(status, document)
        case _:
            return Problem(status, document)


def _details(response: Response) -> dict[str, Any]:
    """The problem's members; none if a proxy answered in a format of its own."""
    try:
        document = response.document
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
