"""Reads a response: returns a value if the node did the call, raises an error if it did not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from atlanscheduler_client.json_text import loads
from atlanscheduler_client.problems import (
    Forbidden,
    JobEnded,
    JobNotOver,
    JobNotQueued,
    NoSuchJob,
    Problem,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    UniqueKeyTaken,
    Unreachable,
    WrongServer,
)
from atlanscheduler_client.reading import job_of

NO_CONTENT: Final = 204
GATEWAY: Final = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}
"""What a proxy answers when no node does. Unlike a node's, its answers are no problem documents."""
REFUSED: Final[Mapping[int, type[Problem]]] = {
    401: Unauthenticated,
    403: Forbidden,
    **dict.fromkeys((407, 413, 414, 429, 431), Problem),
}
"""What a proxy in front of a node answers to requests that it does not let through."""
KIND: Final = "urn:atlanscheduler:problem:"
BY_TYPE: Final[Mapping[str, type[Problem]]] = {
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "no-such-job": NoSuchJob,
    "unavailable": Unavailable,
    "not-ready": Unavailable,
}
"""The problems that have nothing besides what all of them have."""
WITH_JOB: Final[Mapping[str, type[JobEnded | JobNotOver | JobNotQueued | UniqueKeyTaken]]] = {
    "job-ended": JobEnded,
    "job-not-over": JobNotOver,
    "job-not-queued": JobNotQueued,
    "unique-key-taken": UniqueKeyTaken,
}
"""Those that have the job."""
_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')

T = TypeVar("T")
R = TypeVar("R")
T_co = TypeVar("T_co", covariant=True)


class Headers(Protocol):
    """The headers of a response, found by their names in any case."""

    def get(self, name: str, /) -> str | None:
        """The value; None where there is no such header."""
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, read completely, or the head of one that is read line by line."""

    url: str
    """The node's URL, as the client was given it."""
    status: int
    headers: Headers
    body: bytes = b""

    @property
    def media(self) -> str:
        """Its media type; empty where it has none."""
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def next_query(self) -> str | None:
        """The query of the next page (RFC 8288), if there is one."""
        found = _NEXT.search(self.headers.get("Link") or "")
        return found and urlsplit(found[1]).query

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The body as a JSON value."""
        return loads(self.body)

    @property
    def list(self) -> list[Any]:
        """The body as a JSON array.

        Raises:
            ValueError: it is none.
        """
        document = self.document
        if not isinstance(document, list):
            raise ValueError("this is no JSON array")  # noqa: TRY004 - it is a body's flaw
        return document


class Readable(Protocol[T_co]):
    """A call, as far as reading its response needs it."""

    @property
    def read(self) -> Callable[[Response], T_co]:
        """Makes the value of the call from its response."""
        ...


def value_of(call: Readable[T], response: Response) -> T:
    """The value that the call asked for.

    Raises:
        Problem: the node refused the call.
        WrongServer: the response is not from a node.
    """
    raise_for_problem(response)
    return understood(call.read, response, response)


def understood(read: Callable[[T], R], what: T, response: Response) -> R:
    """What is read from this response, or from a part of it.

    Raises:
        WrongServer: it is not what a node answers.
    """
    try:
        return read(what)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise _wrong_server(response) from error


def require_stream(response: Response, media: str) -> None:
    """Refuse a response that is not the stream that was asked for.

    Raises:
        Problem: the node refused the call.
        WrongServer: it is not from a node.
    """
    raise_for_problem(response)
    if response.status != NO_CONTENT and response.media != media:
        raise _wrong_server(response)


def raise_for_problem(response: Response) -> None:
    """Raise the problem that the response reports, if it reports one.

    Raises:
        Problem: the node refused the call, or a proxy in front of it did.
        Unreachable: a proxy says so, of the node behind it.
        WrongServer: it is neither from a node nor such an answer of a proxy.
    """
    status = response.status
    if status < 300:
        return
    details = _details(response)
    if details:
        raise _problem(status, details, response.headers.get("Retry-After"))
    if status in GATEWAY:
        raise Unreachable(f"a proxy answered {status} {GATEWAY[status]}")
    raise REFUSED[status](status, {}) if status in REFUSED else _wrong_server(response)


def _wrong_server(response: Response) -> WrongServer:
    """What answered, as far as it says so; a redirect mostly names the right URL."""
    said = [str(response.status), response.media or "no media type"]
    if 300 <= response.status < 400:
        said[1] = f"a redirect to {response.headers.get('Location')}"
    return WrongServer(f"what answers at {response.url} is no AtlanScheduler ({', '.join(said)})")


def _problem(status: int, document: dict[str, Any], retry_after: str | None) -> Problem:
    match str(document["type"]).removeprefix(KIND):
        case name if name in WITH_JOB:
            return WITH_JOB[name](status, document, job_of(document["job"]))
        case "quota-exceeded":
            return QuotaExceeded(status, document, _seconds(retry_after))
        case name:
            return BY_TYPE.get(name, Problem)(status, document)


def _seconds(retry_after: str | None) -> float | None:
    """The wait that `Retry-After` asks for; a node writes it as a number, never as a date."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None


def _details(response: Response) -> dict[str, Any]:
    """The members of a node's problem; none where something else answered."""
    try:
        document = response.document
    except ValueError:
        return {}
    is_ours = isinstance(document, dict) and str(document.get("type")).startswith(KIND)
    return document if is_ours else {}
