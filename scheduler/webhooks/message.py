"""What a call says: the words of a handler as they are, or how its job ended.

How a job ended is told without its `data`, `result` and traceback: they may be large or private,
and whoever wants them gets the job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import orjson

from scheduler.core.job import Job
from scheduler.core.webhook import HookCall
from scheduler.service.documents import job_document

UNTOLD: Final = ("data", "result", "hook", "progress")
ERROR_CHARS_MAX: Final = 1000
"""Of an error's message: a line for a person, or for a chat."""


def body(call: HookCall, job: Job) -> bytes:
    """The JSON of a call."""
    return orjson.dumps(ending(job)) if call.payload is None else call.payload.encode()


def headers(call: HookCall, job: Job) -> Mapping[str, str]:
    """What a receiver need not look into the body for: what it is told of, and of which job."""
    return {
        "content-type": "application/json",
        "scheduler-event": call.event,
        "scheduler-job": f"/{quote(job.uid, safe='')}/{job.id}",
    }


def ending(job: Job) -> Mapping[str, object]:
    """A job that has ended, in short."""
    document = {key: value for key, value in job_document(job).items() if key not in UNTOLD}
    if job.error is not None:
        kept = {"kind": job.error.kind, "message": job.error.message[:ERROR_CHARS_MAX]}
        document["error"] = kept
    return document
