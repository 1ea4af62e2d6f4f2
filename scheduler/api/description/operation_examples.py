"""Examples of parameters, requests and answers of each operation, for the OpenAPI document.

An answer without one here has the example of its schema. A test checks each against its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scheduler.api.description.examples import (
    ATTEMPT,
    AUDIT,
    BY_SCHEMA,
    JOB,
    PAUSE,
    RECEIPT,
    RERUN_ID,
    RUNNING,
    SUCCESSFUL,
    TOKEN,
    UNIQUE,
)
from scheduler.api.requests import cursor

Json = dict[str, Any]

ID: Final = str(JOB["id"])
QUEUED: Final = {
    **JOB,
    "status": "queued",
    "progress": None,
    "attempt": 0,
    "node": None,
    "started_at": None,
    "finished_at": None,
    "abort": None,
    "attempts": [],
}
ABORTING: Final = {
    **RUNNING,
    "abort": {
        **dict.fromkeys(RECEIPT),
        "requested_at": RECEIPT["requested_at"],
        "reason": RECEIPT["reason"],
    },
}
HELD: Final = {
    **QUEUED,
    "priority": 60,
    "run_at": "2026-11-24T06:00:00.000Z",
    "start_within_s": 3600.0,
    "eligible_at": None,
    "waits": {"for": "run_at", "until": "2026-11-24T06:00:00.000Z"},
}
PAUSED: Final = {
    **QUEUED,
    "task": PAUSE["name"],
    "waits": {
        "for": "paused",
        "until": PAUSE["until"],
        "pause": {name: PAUSE[name] for name in ("kind", "name", "reason", "by")},
    },
}
NO_NODE: Final = {
    **QUEUED,
    "waits": {"for": "no_node", "until": None, "missing": ["gpu"]},
    "needs": ["gpu"],
}
AFTER: Final = {
    **QUEUED,
    "id": RERUN_ID,
    "eligible_at": None,
    "waits": {"for": "after", "until": None},
    "after": [{"id": ID, "ref": "a"}],
    "after_if": "success",
    "group": "nightly",
}
REPLACING: Final = {
    **QUEUED,
    "id": RERUN_ID,
    "eligible_at": None,
    "waits": {"for": "unique", "until": None},
    "unique": UNIQUE,
    "replaces": ID,
}
RERUN: Final = {**QUEUED, "id": RERUN_ID, "rerun_of": ID}
SCHEDULED: Final = {
    **QUEUED,
    "schedule": "nightly",
    "scheduled_for": "2026-11-23T01:00:00.000Z",
}
TRIED_AGAIN: Final = {
    **QUEUED,
    "attempt": 1,
    "node": "node-a",
    "eligible_at": None,
    "waits": {"for": "retry", "until": "2026-11-23T14:08:57.312Z"},
    "max_attempts": 5,
    "attempts": [
        {
            **ATTEMPT,
            "outcome": "terminated",
            "error": {
                "kind": "exception",
                "type": "ConnectionError",
                "message": "the service does not answer",
                "traceback": None,
            },
        }
    ],
}
NEW: Final = BY_SCHEMA["NewJob"]
SECOND: Final = "01a208bc-e53d-72b1-9d0f-2a6b8c1e4f70"

EVENTS: Final = """\
id: 1795939427123-2.0~900000000
event: progress
data: {"id": "01a208bc-e538-7404-822a-df0cc3d7b9b4", "uid": "ada", "progress": {"done": 3, \
"total": 30, "message": null}}

"""
LOG: Final = """\
2026-11-23T14:08:46.930Z stdout 1 of 30
2026-11-23T14:08:47.931Z stderr WARNING task1: slower than usual
"""
METRICS: Final = """\
# HELP scheduler_queued_jobs Queued jobs of all nodes; counted up to ten thousand.
# TYPE scheduler_queued_jobs gauge
scheduler_queued_jobs 3.0
"""

PARAMETERS: Final[Mapping[str, Any]] = {
    "uid": "ada",
    "id": ID,
    "wait": 30,
    "until": "over",
    "status": ["queued", "running"],
    "task": "task1",
    "limit": 20,
    "after": cursor.encode(ID),
    "parent": ID,
    "reason": "wrong input",
    "grace_s": 5,
    "children": True,
    "abort": False,
    "group": "nightly",
    "log": True,
    "data": False,
    "last_event_id": "1795939427123-2.0~900000000",
    "Last-Event-ID": "1795939427123-2.0~900000000",
    "follow": True,
    "kind": "task",
    "name": "report",
    "actor": "web",
    "action": "abort",
    "since": "2026-11-23T00:00:00Z",
    "before": "2026-11-24T00:00:00Z",
    "Idempotency-Key": "import-2026-11-23",
    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
"""By the name of the parameter, whatever operation has it."""

BODIES: Final[Mapping[tuple[str, int | None], Mapping[str, Any]]] = {
    ("submit", None): {
        "one": NEW,
        "several": [NEW, {**NEW, "data": {"n": 60}}],
        "later": {
            **NEW,
            "run_at": "2026-11-24T07:00:00+01:00",
            "priority": 60,
            "start_within_s": 3600,
        },
        "in ten minutes": {**NEW, "delay_s": 600},
        "tried again": {**NEW, "max_attempts": 5},
        "where a GPU is": {**NEW, "needs": ["gpu"]},
        "one after the other": [
            {**NEW, "ref": "a", "group": "nightly"},
            {**NEW, "after": ["#a"], "group": "nightly"},
        ],
        "after what is there": {**NEW, "after": [ID], "after_if": "end"},
        "instead of the one before": {**NEW, "unique": UNIQUE},
    },
    ("submit", 202): {
        "one": QUEUED,
        "later": HELD,
        "paused": PAUSED,
        "no node": NO_NODE,
        "after another": AFTER,
        "replacing": REPLACING,
    },
    ("change_job", None): {
        "at once": {"run_at": None},
        "first of all": {"priority": 86400},
        "tomorrow": {"run_at": "2026-11-24T07:00:00+01:00"},
    },
    ("change_job", 200): {"tomorrow": HELD},
    ("submit", 200): {
        "one": RUNNING,
        "by its unique key": {
            **RUNNING,
            "unique": {"key": "report-7", "on_conflict": "existing"},
            "deduplicated": True,
        },
    },
    ("rerun_job", None): {
        "the same": {},
        "with other data": {"data": {"n": 60}},
        "tomorrow": {"run_at": "2026-11-24T07:00:00+01:00", "priority": -60},
    },
    ("rerun_job", 202): {"the same": RERUN},
    ("rerun_job", 200): {"the same": {**RERUN, "status": "running", "attempt": 1}},
    ("rerun_jobs", None): {
        "what failed lately": BY_SCHEMA["RerunAllOrder"],
        "how many that are": {**BY_SCHEMA["RerunAllOrder"], "limit": 10000, "dry_run": True},
        "what was aborted": {"uid": "ada", "status": "aborted", "limit": 100},
    },
    ("rerun_jobs", 202): {"one": BY_SCHEMA["Reruns"]},
    ("rerun_jobs", 200): {
        "a dry run": {
            **BY_SCHEMA["Reruns"],
            "jobs": [{**BY_SCHEMA["Reruns"]["jobs"][0], "id": None}],
        }
    },
    ("get_job", 200): {"successful": SUCCESSFUL, "tried again": TRIED_AGAIN},
    ("list_jobs", 200): {"newest first": [{**RUNNING, "id": SECOND}, SUCCESSFUL]},
    ("list_all_jobs", 200): {"newest first": [{**RUNNING, "id": SECOND, "uid": "bob"}, SUCCESSFUL]},
    ("put_pause", None): {
        "for good": {},
        "until a time": {"reason": PAUSE["reason"], "until": "2026-11-24T07:00:00+01:00"},
    },
    ("put_schedule", None): {
        "every night": BY_SCHEMA["ScheduleOrder"],
        "every ten minutes": {"task": "task1", "every_s": 600, "overlap": "queue_one"},
        "on workdays, made up for": {
            "task": "report",
            "cron": "30 8 * * MON-FRI",
            "timezone": "America/New_York",
            "misfire": "all",
            "catchup_s": 86400,
        },
    },
    ("run_schedule", 202): {"one": SCHEDULED},
    ("backfill_schedule", 202): {"one": [SCHEDULED]},
    ("list_tokens", 200): {"newest first": [TOKEN]},
    ("revoke_token", 200): {"revoked": {**TOKEN, "revoked_at": "2026-11-24T09:30:00.000Z"}},
    ("list_audit", 200): {"newest first": [AUDIT]},
    ("abort_ordered", 202): {"being stopped": ABORTING},
    ("abort_job", 202): {"being stopped": ABORTING},
    ("follow_job", 200): {"progress": EVENTS},
    ("follow_jobs", 200): {"progress": EVENTS},
    ("read_log", 200): {"two lines": LOG},
    ("metrics", 200): {"a part": METRICS},
}
"""By operation and status; None is the request."""


def of_body(operation: str, code: int | None, schema: Json) -> Json:
    """The `examples` of a request or of an answer; nothing where there is none."""
    found = BODIES.get((operation, code)) or _of_schema(schema)
    return {"examples": {name: {"value": value} for name, value in found.items()}} if found else {}


def _of_schema(schema: Json) -> Mapping[str, Any]:
    is_list = schema.get("type") == "array"
    name = (schema["items"] if is_list else schema).get("$ref", "").rpartition("/")[2]
    if name not in BY_SCHEMA:
        return {}
    return {"example": [BY_SCHEMA[name]] if is_list else BY_SCHEMA[name]}
