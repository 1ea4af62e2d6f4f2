"""Acting on the ends of jobs for which others wait: what the store finds to do, and what it did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scheduler.core.job import Failure, JsonText, Status, WaitingJob


class Edge(NamedTuple):
    """From a job to one that waits for it."""

    parent: str
    child: str


class AbortedJob(NamedTuple):
    """A job that was aborted because one that it waited for did not end as it has to."""

    id: str
    uid: str
    task: str
    reason: str


class Resolved(NamedTuple):
    """What `Store.resolve` did."""

    freed: Sequence[WaitingJob] = ()
    """Jobs that wait for a worker from now on."""
    timed: Sequence[WaitingJob] = ()
    """Jobs that wait from now on for a time that their user chose."""
    aborted: Sequence[AbortedJob] = ()
    done: int = 0
    """How many edges, and ends from which all are closed, it looked at: 0 where nothing is left."""


class EndedPredecessor(NamedTuple):
    """How a job ended that another one comes after."""

    id: str
    status: Status
    error: Failure | None
    chars: int | None
    """The length of its result, if it has one."""
    result: JsonText | None
    """None also where it is too long to be handed over."""


class GroupCount(NamedTuple):
    """How many jobs of a group have a status."""

    jobs: int
    held: int
    """How many of them wait for something else than a worker."""
