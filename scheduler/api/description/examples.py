"""Examples of requests and responses for the OpenAPI document, by the name of their schema.

A test checks each against its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scheduler import __version__
from scheduler.api.problems import (
    JOB_ENDED,
    NOT_OVER,
    NOT_QUEUED,
    NOT_READY,
    QUOTA_EXCEEDED,
    UNIQUE_TAKEN,
    Kind,
)

RECEIPT: Final = {
    "requested_at": "2026-11-23T14:08:50.682Z",
    "by": "web",
    "reason": "wrong input",
    "finished_at": "2026-11-23T14:08:50.700Z",
    "latency_ms": 18,
    "signal": "SIGTERM",
    "processes": 1,
    "survivors": 0,
    "cleanup": "pending",
    "on_abort": {
        "state": "pending",
        "tries": 1,
        "tries_max": 5,
        "next_try_at": "2026-11-23T14:08:51.600Z",
        "error": {"kind": "exception", "type": "OSError", "message": "disk full"},
    },
}
ATTEMPT: Final = {
    "number": 1,
    "node": "node-a",
    "started_at": "2026-11-23T14:08:46.915Z",
    "finished_at": "2026-11-23T14:08:50.700Z",
    "outcome": "aborted",
    "error": None,
}
JOB: Final = {
    "id": "01a208bc-e538-7404-822a-df0cc3d7b9b4",
    "uid": "ada",
    "status": "aborted",
    "task": "task1",
    "data": {"n": 30},
    "hook": None,
    "parent": None,
    "result": None,
    "error": None,
    "progress": {"done": 3, "total": 30, "message": None},
    "attempt": 1,
    "node": "node-a",
    "submitted_by": "web",
    "created_at": "2026-11-23T14:08:46.904Z",
    "started_at": "2026-11-23T14:08:46.915Z",
    "finished_at": "2026-11-23T14:08:50.700Z",
    "abort": RECEIPT,
    "priority": 0,
    "run_at": None,
    "start_within_s": None,
    "eligible_at": "2026-11-23T14:08:46.905Z",
    "waits": None,
    "rerun_of": None,
    "max_attempts": None,
    "hook_retries": False,
    "needs": [],
    "unique": None,
    "replaces": None,
    "replaced_by": None,
    "schedule": None,
    "scheduled_for": None,
    "attempts": [ATTEMPT],
    "after": [],
    "after_if": None,
    "successors": None,
    "group": None,
}
UNIQUE: Final = {"key": "report-7", "on_conflict": "replace"}
RUNNING: Final = {
    **JOB,
    "status": "running",
    "finished_at": None,
    "abort": None,
    "attempts": [{**ATTEMPT, "finished_at": None, "outcome": None}],
}
SUCCESSFUL: Final = {
    **JOB,
    "status": "successful",
    "result": {"waited_s": 30},
    "abort": None,
    "attempts": [{**ATTEMPT, "outcome": "successful"}],
}
RETRY: Final = {
    "max_attempts": 5,
    "backoff_s": 10.0,
    "backoff_max_s": 3600.0,
    "on": ["crash", "ConnectionError"],
}

RERUN_ID: Final = "01a208d3-7c02-7b1e-a4f5-19c80d5e2b66"
TOKEN: Final = {
    "id": "3f0c9a1b7d24",
    "name": "web",
    "role": "user",
    "uids": ["team-a.*"],
    "created_at": "2026-11-23T14:00:00.000Z",
    "created_by": "first start",
    "expires_at": None,
    "used_at": None,
    "revoked_at": None,
}
AUDIT: Final = {
    "id": "01a208bc-f43a-7a10-8c51-6f0d2b7e9a13",
    "at": "2026-11-23T14:08:50.682Z",
    "action": "abort",
    "actor": "web",
    "actor_kind": "token",
    "token_id": "3f0c9a1b7d24",
    "role": "user",
    "client": "10.0.0.9",
    "uid": "ada",
    "target": JOB["id"],
    "count": 1,
    "detail": {"reason": "wrong input"},
}
PAUSE: Final = {
    "kind": "task",
    "name": "report",
    "reason": "the archive is moved",
    "until": "2026-11-24T06:00:00.000Z",
    "paused_at": "2026-11-23T14:08:50.682Z",
    "by": "ops",
}
SCHEDULE: Final = {
    "uid": "ada",
    "name": "nightly",
    "task": "report",
    "data": {"of": "yesterday"},
    "hook": None,
    "cron": "0 2 * * *",
    "every_s": None,
    "phase_s": 0,
    "timezone": "Europe/Berlin",
    "start_at": None,
    "end_at": None,
    "jitter_s": 0.0,
    "misfire": "once",
    "catchup_s": 3600.0,
    "overlap": "skip",
    "paused": False,
    "note": None,
    "pause_after_failures": 3,
    "remaining": None,
    "priority": 0,
    "max_attempts": None,
    "set_by": "web",
    "created_at": "2026-11-20T14:08:50.682Z",
    "changed_at": "2026-11-20T14:08:50.682Z",
    "next": [f"2026-11-{day}T01:00:00.000Z" for day in range(24, 29)],
    "recent": [
        {
            "scheduled_for": "2026-11-23T01:00:00.000Z",
            "at": "2026-11-23T01:00:00.031Z",
            "job": JOB["id"],
            "status": "successful",
            "skipped": None,
            "count": 1,
        },
        {
            "scheduled_for": "2026-11-22T01:00:00.000Z",
            "at": "2026-11-22T01:00:00.027Z",
            "job": None,
            "status": None,
            "skipped": "overlap",
            "count": 1,
        },
    ],
}
SCHEDULE_ORDER: Final = {
    "task": "report",
    "data": {"of": "yesterday"},
    "cron": "0 2 * * *",
    "timezone": "Europe/Berlin",
}
BY_SCHEMA: Final[Mapping[str, Any]] = {
    "NewJob": {"uid": "ada", "task": "task1", "data": {"n": 30}},
    "JobChange": {"priority": 60, "run_at": None},
    "RerunOrder": {"data": {"n": 60}},
    "RerunAllOrder": {"error_kind": "lost", "since": "2026-11-23T14:00:00Z", "limit": 1000},
    "Reruns": {
        "count": 1,
        "jobs": [{"rerun_of": JOB["id"], "uid": "ada", "id": RERUN_ID}],
        "more": False,
    },
    "AbortOrder": {"uid": "ada", "id": JOB["id"], "reason": "wrong input"},
    "Job": JOB,
    "JobOutline": {name: value for name, value in JOB.items() if name not in {"data", "result"}},
    "Abort": RECEIPT,
    "Usage": {
        "uid": "team-a.ada",
        "queued": 40,
        "queued_is_exact": True,
        "running": 2,
        "schedules": 3,
        "pattern": "team-a.*",
        "limits": {
            "queued_max": 100,
            "submits_per_s": 10.0,
            "running_max": 4,
            "schedules_max": 20,
        },
        "weight": 1.0,
    },
    "Aborts": {"aborted": 3, "aborting": 1},
    "Group": {
        "uid": "ada",
        "group": "nightly",
        "jobs": 100,
        "ended": 61,
        "is_exact": True,
        "counts": {
            "queued": 37,
            "running": 2,
            "successful": 60,
            "terminated": 1,
            "aborted": 0,
        },
        "held": 1,
    },
    "HookCall": {
        "id": JOB["id"],
        "event": "job.ended",
        "status": "delivered",
        "tries": 2,
        "answer": "204",
        "created_at": "2026-11-23T14:08:50.700Z",
        "due_at": None,
    },
    "Task": {
        "name": "task1",
        "doc": "Wait for n seconds.",
        "timeout_s": None,
        "grace_s": 5.0,
        "memory_bytes": None,
        "on_abort": False,
        "retry": RETRY,
        "needs": [],
        "limit": [{"jobs_max": 2, "by": ["uid", "/customer"]}],
        "throttle": {"jobs_max": 100, "per_s": 60.0, "burst": 10, "by": ["task"]},
        "loaded_at": "2026-11-23T14:00:00.000Z",
    },
    "Node": {
        "name": "node-a",
        "id": "node-a-5f1c2d3e",
        "version": __version__,
        "workers": 2,
        "running": 1,
        "tasks": ["task1"],
        "started_at": "2026-11-23T14:00:00.000Z",
        "tzdata": "2026.6",
        "paused": None,
        "labels": ["gpu", "zone=eu"],
        "only": [],
    },
    "PauseOrder": {"reason": "the archive is moved", "until": "2026-11-24T07:00:00+01:00"},
    "Pause": PAUSE,
    "ScheduleOrder": SCHEDULE_ORDER,
    "Schedule": SCHEDULE,
    "DeletedSchedule": {
        **SCHEDULE,
        "next": [],
        "recent": [],
        "aborts": {"aborted": 1, "aborting": 1},
    },
    "BackfillOrder": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"},
    "PreviewOrder": {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "count": 2},
    "Preview": {
        "next": ["2026-11-24T01:00:00.000Z", "2026-11-25T01:00:00.000Z"],
        "local": ["2026-11-24T02:00:00+01:00", "2026-11-25T02:00:00+01:00"],
        "explained": "At 02:00 every day",
        "notes": [],
        "timezone": "Europe/Berlin",
        "tzdata": "2026.6",
    },
    "TokenOrder": {"name": "web", "role": "user", "uids": ["team-a.*"]},
    "Token": TOKEN,
    "MadeToken": {**TOKEN, "token": f"atl_3f0c9a1b7d24_{'0' * 43}"},
    "AuditRecord": AUDIT,
    "Login": {"token": f"atl_3f0c9a1b7d24_{'0' * 43}"},
    "LoggedIn": {"status": "logged in"},
    "LoggedOut": {"status": "logged out"},
    "Health": {"status": "ok"},
    "Ready": {"status": "ready", "paused": False},
}

MEMBERS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    JOB_ENDED: {"job": SUCCESSFUL},
    NOT_QUEUED: {"job": RUNNING},
    NOT_OVER: {"job": RUNNING},
    UNIQUE_TAKEN: {"job": {**RUNNING, "unique": UNIQUE}},
    NOT_READY: {"reasons": {"draining": "the node is draining"}},
    QUOTA_EXCEEDED: {
        "detail": "user 'ada' has 100 queued jobs, and 1 more would be beyond"
        ' queued_max = 100 of [quotas."*"]',
        "violated-policies": ["queued"],
        "violations": [{"policy": "queued", "uid": "ada", "limit": 100, "used": 100}],
    },
}
"""The members that the example of a problem has besides the common ones."""


def of_problem(kind: Kind) -> dict[str, Any]:
    """An example of a problem of this kind."""
    plain = {"type": kind.uri, "title": kind.title, "status": kind.status, "detail": kind.title}
    return plain | dict(MEMBERS.get(kind, {}))
