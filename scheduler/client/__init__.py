"""The Python client of a node: `Client`, and `AsyncClient` for programs with an event loop.

    calls   what is asked, and how its answer is read        pure, and the same for both
    sync    asks with http.client                            aio   asks with aiohttp
    shapes  what is answered                                 problems   what is raised instead

Nothing of the server is imported but the words for what a job is. aiohttp is loaded by whoever
asks for `AsyncClient`, because a command line should not wait for it.
"""

from typing import TYPE_CHECKING

from scheduler.client.events import Changed, Event, Printed, Progressed
from scheduler.client.problems import (
    ClientError,
    JobEnded,
    Lost,
    NoSuchJob,
    Problem,
    Unavailable,
    Unreachable,
)
from scheduler.client.shapes import Abort, Aborts, Job, JobState, LogLine, NewJob, Node, Task
from scheduler.client.sync import Client
from scheduler.core.job import Cleanup, Failure, FailureKind, Progress, Status

if TYPE_CHECKING:
    from scheduler.client.aio import AsyncClient

__all__ = [
    "Abort",
    "Aborts",
    "AsyncClient",
    "Changed",
    "Cleanup",
    "Client",
    "ClientError",
    "Event",
    "Failure",
    "FailureKind",
    "Job",
    "JobEnded",
    "JobState",
    "LogLine",
    "Lost",
    "NewJob",
    "NoSuchJob",
    "Node",
    "Printed",
    "Problem",
    "Progress",
    "Progressed",
    "Status",
    "Task",
    "Unavailable",
    "Unreachable",
]


def __getattr__(name: str) -> object:
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scheduler.client.aio import AsyncClient  # noqa: PLC0415 - see above: aiohttp is heavy

    return AsyncClient
