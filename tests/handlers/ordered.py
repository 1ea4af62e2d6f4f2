"""Handlers of jobs that come after others."""

from __future__ import annotations

import time
from typing import Any

from scheduler import JobContext, handler


@handler("tell_after")
def tell_after(data: Any, job: JobContext) -> Any:
    """Say how the jobs ended that this one comes after, by their refs or ids."""
    return {
        "data": data,
        "after": {
            each.ref or each.id: [each.status, each.result, (each.error or {}).get("type")]
            for each in job.after.values()
        },
        "by_name": {name: job.after[name].id for name in data or ()},
    }


@handler("last_for")
def last_for(data: Any) -> Any:
    """Take so many seconds."""
    time.sleep(data)
    return data
