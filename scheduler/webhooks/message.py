"""The body and headers of a call: a notification as it is, or how its job or an attempt ended.

The message about an end leaves out the job's `data`, `result` and traceback: they may be large or
private, and a receiver that wants them can get the job from the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

import orjson

from scheduler.core.job import AttemptRecord, Failure, Hold, HoldReason, Job, Status
from scheduler.core.webhook import HookCall
from scheduler.service.documents import job_document

SENT: Final = (
    "id",
    "uid",
    "status",
    "task",
    "parent",
    "error",
    "attempt",
    "node",
    "created_at",
    "started_at",
    "finished_at",
    "abort",
)
"""The keys of a job's document that are sent. A list of what is sent rather than of what is not:
a key that is added to the document must not reach receivers by accident."""
OF_A_SCHEDULE: Final = ("schedule", "scheduled_for")
"""Sent as well of a job that a schedule made: a report on a day goes by the time that it is for."""
ERROR_CHARS_MAX: Final = 1000
"""How much of an error's message is sent: enough for a log line or a chat message."""


def body(call: HookCall, job: Job) -> bytes:
    """The JSON body of a call."""
    if call.payload is not None:
        return call.payload.encode()
    return orjson.dumps(ended(job) if call.attempt is None else retried(job, call, call.attempt))


def headers(call: HookCall, job: Job) -> Mapping[str, str]:
    """The headers that let a receiver sort calls by event and job without parsing the body."""
    return {
        "content-type": "application/json",
        "scheduler-event": call.event,
        "scheduler-job": f"/{quote(job.uid, safe='')}/{job.id}",
    }


def ended(job: Job) -> Mapping[str, object]:
    """A summary of a job that has ended: what is sent of it, with a shortened error."""
    sent = _sent(job_document(job))
    if job.error is not None:
        sent["error"] = _error(job.error)
    return sent


def retried(job: Job, call: HookCall, attempt: AttemptRecord) -> Mapping[str, object]:
    """A job as it was when an attempt had failed: the same keys, and what it then waited for."""
    hold = Hold(HoldReason.RETRY, call.next_attempt_at)
    then = replace(
        job,
        status=Status.QUEUED,
        attempt=attempt.number,
        node=attempt.node,
        started_at=None,
        finished_at=None,
        abort=None,
        hold=hold,
    )
    document = job_document(then)
    error = attempt.error and _error(attempt.error)
    return {**_sent(document), "error": error, "waits": document["waits"]}


def _sent(document: Mapping[str, object]) -> dict[str, object]:
    """What is sent of a job: of one that no schedule made, only the keys in `SENT`."""
    keys = SENT if document["schedule"] is None else SENT + OF_A_SCHEDULE
    return {key: document[key] for key in keys}


def _error(error: Failure) -> Mapping[str, object]:
    return {"kind": error.kind, "message": error.message[:ERROR_CHARS_MAX]}
