"""What a job waits for: its predecessors, and how they have to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

REF: Final = "#"
"""What stands before the ref of a job, where one of the same request names it."""
PREDECESSORS_MAX: Final = 1000
"""How many jobs one job may wait for."""
EDGES_MAX: Final = 10_000
"""How many such relations one request may make: all are stored in one transaction."""


class AfterIf(StrEnum):
    """How the predecessors of a job have to end, so that it begins."""

    SUCCESS = "success"
    """Successful: one that ends otherwise aborts the job."""
    END = "end"
    """Anyhow."""


class Predecessor(NamedTuple):
    """A job that has to be over before another one begins."""

    id: str
    ref: str | None = None
    """What the request of both called it."""


@dataclass(frozen=True, slots=True)
class After:
    """What a job waits for, or waited for."""

    predecessors: tuple[Predecessor, ...]
    condition: AfterIf = AfterIf.SUCCESS

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the predecessors, in the order in which they were named."""
        return tuple(each.id for each in self.predecessors)


class Wanted(NamedTuple):
    """A job of a request, as far as it matters for what waits for what."""

    id: str
    """The id that it gets."""
    ref: str | None
    after: Sequence[str]
    """Ids, and refs of earlier jobs of the request behind a `#`."""
    condition: AfterIf


def resolved(request: Sequence[Wanted]) -> Sequence[After | None]:
    """What each job of a request waits for, by ids; None for those that wait for nothing."""
    by_ref = {REF + each.ref: each for each in request if each.ref is not None}
    return [
        After(tuple(_predecessor(name, by_ref.get(name)) for name in each.after), each.condition)
        if each.after
        else None
        for each in request
    ]


def _predecessor(name: str, of_request: Wanted | None) -> Predecessor:
    return Predecessor(name) if of_request is None else Predecessor(of_request.id, of_request.ref)
