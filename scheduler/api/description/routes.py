"""The table of routes: each request that can be made over HTTP, and each possible response.

A uid never starts with `-`, so `/-/…` is free for the node's own pages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import Field

from scheduler.api import dashboard
from scheduler.api.description import shapes
from scheduler.api.description.route import RATE_LIMIT, ResponseDescription, Route
from scheduler.api.problems import (
    CONFLICT,
    INVALID,
    JOB_ENDED,
    NO_SUCH_JOB,
    NO_SUCH_PAUSE,
    NO_SUCH_SCHEDULE,
    NO_SUCH_TOKEN,
    NOT_JSON,
    NOT_OVER,
    NOT_QUEUED,
    NOT_READY,
    OVERLAPS,
    PARENT_ABORTED,
    QUOTA_EXCEEDED,
    TOO_LARGE,
    TOO_MANY,
    TOO_MANY_STREAMS,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIQUE_TAKEN,
)
from scheduler.api.requests.audit import AuditQuery
from scheduler.api.requests.models import (
    AbortOrder,
    AbortQuery,
    EventsQuery,
    GroupPath,
    JobChange,
    JobPath,
    ListAllQuery,
    ListQuery,
    Login,
    LogQuery,
    MatchGroupQuery,
    NewJob,
    TokenOrder,
    TokenPath,
    TokensQuery,
    UserEventsQuery,
    UserPath,
    WaitQuery,
)
from scheduler.api.requests.pauses import PauseOrder, PausePath, PausesQuery
from scheduler.api.requests.queries import IDEMPOTENCY_KEY, KEY_PATTERN
from scheduler.api.requests.reruns import RerunAllOrder, RerunOrder
from scheduler.api.requests.schedules import (
    BackfillOrder,
    DeleteQuery,
    PreviewOrder,
    ScheduleOrder,
    SchedulePath,
    SchedulesQuery,
)
from scheduler.api.requests.tracing import TRACEPARENT
from scheduler.api.reserved import RESERVED
from scheduler.api.views import (
    aborts,
    audit,
    events,
    job_logs,
    jobs,
    operations,
    order,
    pauses,
    reruns,
    schedules,
    sessions,
    tokens,
)
from scheduler.api.views.events import LAST_EVENT_ID
from scheduler.api.views.order import NOTICE
from scheduler.core.access.principal import Right

NO_UIDS: Final = "|".join(map(re.escape, ("-", *RESERVED)))
UID_SEGMENT: Final = f"{{uid:(?!(?:{NO_UIDS})(?:/|$))[^/]+}}"
"""The pattern of `{uid}` in a path: anything but `-` alone, which is the node's, and the words that
are taken for paths of the node."""

METRICS: Final = "/-/metrics"

Submitted = shapes.Job | list[shapes.Job]
LISTED: Final = ResponseDescription(
    description="The jobs; a page ends early at 8 MiB",
    shape=list[shapes.Job] | list[shapes.JobOutline],
    headers={"Link": 'the next page, if there is one, as `<…>; rel="next"`'},
)
ABORTED: Final = ResponseDescription(
    description="The job is aborted: no process of it lives", shape=shapes.Job
)
ABORTING: Final = ResponseDescription(description="The job is being stopped", shape=shapes.Job)
NOTICES: Final = {NOTICE: "says so where a `run_at` is past: the job runs at once"}
ABORT_PROBLEMS: Final = (INVALID, NO_SUCH_JOB, JOB_ENDED, UNAVAILABLE)

EVENTS: Final = ResponseDescription(
    description="Server-Sent Events, as they come: `status` with a job, without its data and "
    "result; `progress`; `log`; `reset` where it is not known what came after the last event",
    shape=str,
    media="text/event-stream",
)

KEYED: Final = {
    IDEMPOTENCY_KEY: "1 to 200 visible ASCII characters: the same key and uid again give the same "
    "answer, and nothing is run again twice",
    TRACEPARENT: "the trace that the new jobs are to go on with, by W3C Trace Context; one that is "
    "not valid is ignored",
}

ROUTES: Final = (
    Route(
        method="POST",
        path="/",
        function=jobs.submit,
        right=Right.CHANGE,
        body=NewJob | Annotated[list[NewJob], Field(min_length=1)],
        headers={
            IDEMPOTENCY_KEY: "1 to 200 visible ASCII characters: the same key and uid again "
            "give the same job, and nothing is submitted twice",
            TRACEPARENT: "the trace that the jobs are to go on with, by W3C Trace Context; "
            "one that is not valid is ignored",
        },
        patterns={IDEMPOTENCY_KEY: f"^{KEY_PATTERN}$"},
        responses={
            202: ResponseDescription(
                description="The job is stored and will run; for an array, the jobs in its order",
                shape=Submitted,
                headers={
                    "Location": "where the job is, if it is one",
                    **RATE_LIMIT,
                    **NOTICES,
                },
            ),
            200: ResponseDescription(
                description="The job that this idempotency key brought before, or that has the"
                " unique key",
                shape=Submitted,
                headers={"Location": "where the job is, if it is one", **RATE_LIMIT},
            ),
        },
        problems=(
            INVALID,
            CONFLICT,
            PARENT_ABORTED,
            UNIQUE_TAKEN,
            TOO_LARGE,
            NOT_JSON,
            QUOTA_EXCEEDED,
            UNAVAILABLE,
        ),
    ),
    Route(
        method="DELETE",
        path="/",
        function=aborts.abort_ordered,
        right=Right.CHANGE,
        body=AbortOrder,
        query=WaitQuery,
        responses={200: ABORTED, 202: ABORTING},
        problems=(*ABORT_PROBLEMS, TOO_LARGE, NOT_JSON),
    ),
    Route(
        method="GET",
        path="/{uid}",
        function=jobs.list_jobs,
        right=Right.READ,
        path_parameters=UserPath,
        query=ListQuery,
        responses={200: LISTED},
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/jobs",
        function=jobs.list_all_jobs,
        right=Right.READ,
        query=ListAllQuery,
        responses={200: LISTED},
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/usage/{uid}",
        function=jobs.get_usage,
        right=Right.READ,
        path_parameters=UserPath,
        responses={200: ResponseDescription(description="What the user uses", shape=shapes.Usage)},
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/groups/{uid}/{group}",
        function=jobs.get_group,
        right=Right.READ,
        path_parameters=GroupPath,
        responses={200: ResponseDescription(description="How far it is", shape=shapes.Group)},
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="DELETE",
        path="/{uid}",
        function=aborts.abort_jobs,
        right=Right.CHANGE,
        path_parameters=UserPath,
        query=MatchGroupQuery,
        responses={
            200: ResponseDescription(description="How many there were", shape=shapes.Aborts)
        },
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/{uid}/{id}",
        function=jobs.get_job,
        right=Right.READ,
        path_parameters=JobPath,
        query=WaitQuery,
        responses={200: ResponseDescription(description="The job", shape=shapes.Job)},
        problems=(INVALID, NO_SUCH_JOB, UNAVAILABLE),
    ),
    Route(
        method="PATCH",
        path="/{uid}/{id}",
        function=order.change_job,
        right=Right.CHANGE,
        path_parameters=JobPath,
        body=JobChange,
        responses={
            200: ResponseDescription(
                description="The job, which is queued", shape=shapes.Job, headers=NOTICES
            )
        },
        problems=(INVALID, NO_SUCH_JOB, NOT_QUEUED, TOO_LARGE, NOT_JSON, UNAVAILABLE),
    ),
    Route(
        method="POST",
        path="/{uid}/{id}/rerun",
        function=reruns.rerun_job,
        right=Right.CHANGE,
        path_parameters=JobPath,
        body=RerunOrder,
        needs_body=False,
        headers=KEYED,
        patterns={IDEMPOTENCY_KEY: f"^{KEY_PATTERN}$"},
        responses={
            202: ResponseDescription(
                description="The new job is stored and will run",
                shape=shapes.Job,
                headers={"Location": "where the new job is", **RATE_LIMIT, **NOTICES},
            ),
            200: ResponseDescription(
                description="The job that this idempotency key brought before, or that has the"
                " unique key",
                shape=shapes.Job,
                headers={"Location": "where the job is", **RATE_LIMIT},
            ),
        },
        problems=(
            INVALID,
            NO_SUCH_JOB,
            NOT_OVER,
            CONFLICT,
            PARENT_ABORTED,
            UNIQUE_TAKEN,
            TOO_LARGE,
            NOT_JSON,
            QUOTA_EXCEEDED,
            UNAVAILABLE,
        ),
    ),
    Route(
        method="POST",
        path="/-/reruns",
        function=reruns.rerun_jobs,
        right=Right.CHANGE,
        body=RerunAllOrder,
        headers=KEYED,
        patterns={IDEMPOTENCY_KEY: f"^{KEY_PATTERN}$"},
        responses={
            202: ResponseDescription(
                description="The new jobs are stored and will run", shape=shapes.Reruns
            ),
            200: ResponseDescription(
                description="A dry run, or what this idempotency key brought before",
                shape=shapes.Reruns,
            ),
        },
        problems=(INVALID, CONFLICT, TOO_LARGE, NOT_JSON, QUOTA_EXCEEDED, UNAVAILABLE),
    ),
    Route(
        method="DELETE",
        path="/{uid}/{id}",
        function=aborts.abort_job,
        right=Right.CHANGE,
        path_parameters=JobPath,
        query=AbortQuery,
        responses={200: ABORTED, 202: ABORTING},
        problems=ABORT_PROBLEMS,
    ),
    Route(
        method="GET",
        path="/{uid}/{id}/hooks",
        function=jobs.list_hook_calls,
        right=Right.READ,
        path_parameters=JobPath,
        responses={
            200: ResponseDescription(
                description="The calls, oldest first", shape=list[shapes.HookCall]
            )
        },
        problems=(INVALID, NO_SUCH_JOB, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/{uid}/{id}/events",
        function=events.follow_job,
        right=Right.READ,
        path_parameters=JobPath,
        query=EventsQuery,
        headers={LAST_EVENT_ID: "the id of the last event that came: go on behind it"},
        responses={
            200: EVENTS,
            204: ResponseDescription(
                description="The job is over, and the client was told of its end"
            ),
        },
        problems=(INVALID, NO_SUCH_JOB, UNAVAILABLE, TOO_MANY_STREAMS),
    ),
    Route(
        method="GET",
        path="/-/events",
        function=events.follow_jobs,
        right=Right.READ,
        query=UserEventsQuery,
        headers={LAST_EVENT_ID: "the id of the last event that came: go on behind it"},
        responses={200: EVENTS},
        problems=(INVALID, TOO_MANY_STREAMS),
    ),
    Route(
        method="GET",
        path="/{uid}/{id}/log",
        function=job_logs.read_log,
        right=Right.READ,
        path_parameters=JobPath,
        query=LogQuery,
        responses={
            200: ResponseDescription(
                description="Its lines, each after the time and the stream: stdout, stderr, or "
                "notice where a further attempt begins or something is left out",
                shape=str,
                media="text/plain",
            )
        },
        problems=(INVALID, NO_SUCH_JOB, UNAVAILABLE, TOO_MANY_STREAMS),
    ),
    Route(
        method="GET",
        path="/-/health",
        function=operations.health,
        right=Right.OPEN,
        responses={200: ResponseDescription(description="It lives", shape=shapes.Health)},
    ),
    Route(
        method="GET",
        path="/-/ready",
        function=operations.ready,
        right=Right.OPEN,
        responses={200: ResponseDescription(description="It takes work", shape=shapes.Ready)},
        problems=(NOT_READY,),
    ),
    Route(
        method="GET",
        path="/-/tasks",
        function=operations.list_tasks,
        right=Right.READ,
        responses={
            200: ResponseDescription(description="The handlers, by name", shape=list[shapes.Task])
        },
    ),
    Route(
        method="GET",
        path="/-/nodes",
        function=operations.list_nodes,
        right=Right.OPERATE,
        responses={
            200: ResponseDescription(description="The nodes, by name", shape=list[shapes.Node])
        },
        problems=(UNAVAILABLE,),
    ),
    Route(
        method="PUT",
        path="/-/pauses/{kind}/{name}",
        function=pauses.put_pause,
        right=Right.OPERATE,
        path_parameters=PausePath,
        body=PauseOrder,
        needs_body=False,
        responses={200: ResponseDescription(description="The pause", shape=shapes.Pause)},
        problems=(INVALID, TOO_LARGE, NOT_JSON, UNAVAILABLE),
    ),
    Route(
        method="DELETE",
        path="/-/pauses/{kind}/{name}",
        function=pauses.end_pause,
        right=Right.OPERATE,
        path_parameters=PausePath,
        responses={
            200: ResponseDescription(description="The pause that was ended", shape=shapes.Pause)
        },
        problems=(INVALID, NO_SUCH_PAUSE, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/pauses",
        function=pauses.list_pauses,
        right=Right.OPERATE,
        query=PausesQuery,
        responses={
            200: ResponseDescription(
                description="The pauses",
                shape=list[shapes.Pause],
                headers={"Link": 'the next page, if there is one, as `<…>; rel="next"`'},
            )
        },
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="PUT",
        path="/-/schedules/{uid}/{name}",
        function=schedules.put_schedule,
        right=Right.CHANGE,
        path_parameters=SchedulePath,
        body=ScheduleOrder,
        responses={
            200: ResponseDescription(
                description="The schedule, which was replaced", shape=shapes.Schedule
            ),
            201: ResponseDescription(description="The new schedule", shape=shapes.Schedule),
        },
        problems=(INVALID, QUOTA_EXCEEDED, TOO_LARGE, NOT_JSON, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/schedules/{uid}/{name}",
        function=schedules.get_schedule,
        right=Right.READ,
        path_parameters=SchedulePath,
        responses={200: ResponseDescription(description="The schedule", shape=shapes.Schedule)},
        problems=(INVALID, NO_SUCH_SCHEDULE, UNAVAILABLE),
    ),
    Route(
        method="DELETE",
        path="/-/schedules/{uid}/{name}",
        function=schedules.delete_schedule,
        right=Right.CHANGE,
        path_parameters=SchedulePath,
        query=DeleteQuery,
        responses={
            200: ResponseDescription(
                description="The schedule that was deleted", shape=shapes.DeletedSchedule
            )
        },
        problems=(INVALID, NO_SUCH_SCHEDULE, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/schedules",
        function=schedules.list_schedules,
        right=Right.READ,
        query=SchedulesQuery,
        responses={
            200: ResponseDescription(
                description="The schedules",
                shape=list[shapes.Schedule],
                headers={"Link": 'the next page, if there is one, as `<…>; rel="next"`'},
            )
        },
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="POST",
        path="/-/schedules/{uid}/{name}/run",
        function=schedules.run_schedule,
        right=Right.CHANGE,
        path_parameters=SchedulePath,
        headers={
            IDEMPOTENCY_KEY: "1 to 200 visible ASCII characters: the same key gives the same job"
        },
        patterns={IDEMPOTENCY_KEY: f"^{KEY_PATTERN}$"},
        responses={
            202: ResponseDescription(
                description="The new job", shape=shapes.Job, headers={"Location": "its path"}
            )
        },
        problems=(
            INVALID,
            NO_SUCH_SCHEDULE,
            OVERLAPS,
            CONFLICT,
            QUOTA_EXCEEDED,
            UNAVAILABLE,
        ),
    ),
    Route(
        method="POST",
        path="/-/schedules/{uid}/{name}/backfill",
        function=schedules.backfill_schedule,
        right=Right.CHANGE,
        path_parameters=SchedulePath,
        body=BackfillOrder,
        responses={
            202: ResponseDescription(description="The new jobs", shape=list[shapes.Job]),
        },
        problems=(
            INVALID,
            NO_SUCH_SCHEDULE,
            QUOTA_EXCEEDED,
            TOO_LARGE,
            NOT_JSON,
            UNAVAILABLE,
        ),
    ),
    Route(
        method="POST",
        path="/-/schedules/preview",
        function=schedules.preview_schedule,
        right=Right.READ,
        body=PreviewOrder,
        responses={
            200: ResponseDescription(description="The next occurrences", shape=shapes.Preview)
        },
        problems=(INVALID, TOO_LARGE, NOT_JSON),
    ),
    Route(
        method="POST",
        path="/-/tokens",
        function=tokens.create_token,
        right=Right.ADMINISTER,
        body=TokenOrder,
        responses={
            201: ResponseDescription(
                description="The token, with its secret", shape=shapes.MadeToken
            )
        },
        problems=(INVALID, TOO_LARGE, NOT_JSON, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/tokens",
        function=tokens.list_tokens,
        right=Right.ADMINISTER,
        query=TokensQuery,
        responses={
            200: ResponseDescription(
                description="The tokens",
                shape=list[shapes.Token],
                headers={"Link": 'the next page, if there is one, as `<…>; rel="next"`'},
            )
        },
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="DELETE",
        path="/-/tokens/{id}",
        function=tokens.revoke_token,
        right=Right.ADMINISTER,
        path_parameters=TokenPath,
        responses={200: ResponseDescription(description="The revoked token", shape=shapes.Token)},
        problems=(INVALID, NO_SUCH_TOKEN, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path="/-/audit",
        function=audit.list_audit,
        right=Right.ADMINISTER,
        query=AuditQuery,
        responses={
            200: ResponseDescription(
                description="The records",
                shape=list[shapes.AuditRecord],
                headers={"Link": 'the next page, if there is one, as `<…>; rel="next"`'},
            )
        },
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="POST",
        path="/-/login",
        function=sessions.login,
        right=Right.OPEN,
        body=Login,
        responses={
            200: ResponseDescription(
                description="Logged in",
                shape=shapes.LoggedIn,
                headers={"Set-Cookie": "the session"},
            )
        },
        problems=(INVALID, UNAUTHENTICATED, TOO_MANY, TOO_LARGE, NOT_JSON, UNAVAILABLE),
    ),
    Route(
        method="POST",
        path="/-/logout",
        function=sessions.logout,
        right=Right.OPEN,
        responses={200: ResponseDescription(description="Logged out", shape=shapes.LoggedOut)},
        problems=(INVALID, UNAVAILABLE),
    ),
    Route(
        method="GET",
        path=METRICS,
        function=operations.metrics,
        right=Right.OPERATE,
        responses={
            200: ResponseDescription(
                description="The metrics of this node", shape=str, media="text/plain"
            )
        },
    ),
    Route(
        method="GET",
        path="/-/openapi.json",
        function=operations.openapi,
        right=Right.READ,
        responses={200: ResponseDescription(description="This document", shape=dict[str, Any])},
    ),
    Route(
        method="GET",
        path="/-/docs",
        function=operations.docs,
        right=Right.READ,
        responses={
            200: ResponseDescription(description="A page of HTML", shape=str, media="text/html")
        },
    ),
    Route(
        method="GET",
        path="/-/ui/",
        function=dashboard.page,
        right=Right.OPEN,
        responses={
            200: ResponseDescription(description="The dashboard", shape=str, media="text/html")
        },
    ),
)


def routes(*, open_metrics: bool) -> Sequence[Route]:
    """The routes of a node; `open_metrics` is `[auth] metrics`."""
    if not open_metrics:
        return ROUTES
    return [replace(each, right=Right.OPEN) if each.path == METRICS else each for each in ROUTES]
