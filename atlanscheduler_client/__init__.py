"""The Python client of a node: `Client`, and `AsyncClient` for programs with an event loop.

    sync, aio             `Client` and `AsyncClient`
    connection, session   their HTTP: on http.client, and on aiohttp
    idle                  the connections of `Client` between two calls
    forks                 what a forked process does with the sockets that it inherits

Shared by both clients, and without I/O:

    calls       each call of the API: its request, and how its response is read
    responses   an HTTP response: its value, or the problem that it reports
    reading     the API's JSON as values          shapes      these values: jobs, nodes, log lines
    events      Server-Sent Events as values      lines       cuts a stream of bytes into lines
    waiting     retries, and the end of a wait    address     takes a node's URL apart
    problems    the errors that are raised    json_text  JSON of any depth

It needs nothing but the standard library. aiohttp is loaded on the first use of `AsyncClient`.
"""

from typing import TYPE_CHECKING

from atlanscheduler_client.events import Changed, Event, Printed, Progressed
from atlanscheduler_client.problems import (
    ClientError,
    Forbidden,
    JobEnded,
    JobNotOver,
    JobNotQueued,
    Lost,
    NoSuchJob,
    Problem,
    QuotaExceeded,
    Unauthenticated,
    Unavailable,
    UniqueKeyTaken,
    Unreachable,
    WrongServer,
)
from atlanscheduler_client.shapes import (
    KEPT,
    Abort,
    Aborts,
    AfterIf,
    Attempt,
    AttemptOutcome,
    AuditRecord,
    Cleanup,
    CleanupState,
    DeletedSchedule,
    Failure,
    FailureKind,
    Group,
    Job,
    JobState,
    Kept,
    LogLine,
    MadeToken,
    NewJob,
    NewSchedule,
    Node,
    Occurrence,
    OnAbort,
    OnConflict,
    Pause,
    PauseKind,
    Predecessor,
    Preview,
    Progress,
    RerunOf,
    Reruns,
    Role,
    Schedule,
    Status,
    Task,
    TaskLimit,
    TaskRetry,
    TaskThrottle,
    Token,
    Unique,
    Until,
    Usage,
    UserLimits,
    Waits,
    WaitsForPause,
)
from atlanscheduler_client.sync import Client

if TYPE_CHECKING:
    from atlanscheduler_client.aio import AsyncClient

__all__ = [
    "KEPT",
    "Abort",
    "Aborts",
    "AfterIf",
    "AsyncClient",
    "Attempt",
    "AttemptOutcome",
    "AuditRecord",
    "Changed",
    "Cleanup",
    "CleanupState",
    "Client",
    "ClientError",
    "DeletedSchedule",
    "Event",
    "Failure",
    "FailureKind",
    "Forbidden",
    "Group",
    "Job",
    "JobEnded",
    "JobNotOver",
    "JobNotQueued",
    "JobState",
    "Kept",
    "LogLine",
    "Lost",
    "MadeToken",
    "NewJob",
    "NewSchedule",
    "NoSuchJob",
    "Node",
    "Occurrence",
    "OnAbort",
    "OnConflict",
    "Pause",
    "PauseKind",
    "Predecessor",
    "Preview",
    "Printed",
    "Problem",
    "Progress",
    "Progressed",
    "QuotaExceeded",
    "RerunOf",
    "Reruns",
    "Role",
    "Schedule",
    "Status",
    "Task",
    "TaskLimit",
    "TaskRetry",
    "TaskThrottle",
    "Token",
    "Unauthenticated",
    "Unavailable",
    "Unique",
    "UniqueKeyTaken",
    "Unreachable",
    "Until",
    "Usage",
    "UserLimits",
    "Waits",
    "WaitsForPause",
    "WrongServer",
    "__version__",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from atlanscheduler_client.aio import (  # noqa: PLC0415 - see above: aiohttp is heavy
            AsyncClient,
        )
    except ModuleNotFoundError as error:
        raise ImportError(
            f"AsyncClient needs aiohttp ({error}): pip install 'atlanscheduler-client[async]'",
            name=error.name,
        ) from error

    return AsyncClient
