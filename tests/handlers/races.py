"""Handlers for races: they write a line when they begin, and end soon."""

from __future__ import annotations

import os
import time
from typing import Any

from scheduler import JobContext, handler


@handler("brief")
def brief(data: Any, job: JobContext) -> Any:
    """Record in a file, in one write, that this attempt begins; take some time; return the data."""
    file = os.open(data["begun"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{job.id} {job.attempt}\n".encode())
    os.close(file)
    time.sleep(data["for_s"])
    return data["for_s"]
