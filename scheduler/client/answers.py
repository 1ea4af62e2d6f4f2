"""What came back: a value where the node did it, an error where it did not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from scheduler.client.problems import JobEnded, NoSuchJob, Problem, Unavailable, Unreachable
from scheduler.client.reading import job_of

KIND: Final = "urn:atlanscheduler:problem:"
_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer over HTTP, read whole."""

    status: int
    link: str | None
    """The header of this name."""
    body: bytes

    @property
    def next_path(self) -> str | None:
        """Where the next page is, by RFC 8288, if there is one."""
        found = _NEXT.search(self.link or "")
        return found and found[1]

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """The body's JSON."""
        return json.loads(self.body)


class Readable(Protocol[T_co]):
    """A call, as far as its answer goes."""

    @property
    def read(self) -> Callable[[Answer], T_co]:
        """Makes the value of an answer."""
        ...


def value_of(call: Readable[T_co], answer: Answer) -> T_co:
    """What the call asked for.

    Raises:
        Problem: the node will not do it.
        Unreachable: this is no answer of a node.
    """
    require_done(answer)
    try:
        return call.read(answer)
    except (ValueError, LookupError, TypeError) as error:
        raise Unreachable("something answered that is no node of AtlanScheduler") from error


def require_done(answer: Answer) -> None:
    """Raise the problem that the answer is, if it is one.

    Raises:
        Problem: it is.
    """
    if answer.status >= 300:
        raise _problem(answer.status, _details(answer))


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


def _details(answer: Answer) -> dict[str, Any]:
    """The problem's members; none where a proxy answered in words of its own."""
    try:
        document = answer.document
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
