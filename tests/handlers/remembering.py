"""A handler that keeps something of each user in its module, as caches do."""

from __future__ import annotations

from typing import Any

from scheduler import JobContext, handler

SEEN: list[str] = []


@handler("seen")
def seen(data: Any, job: JobContext) -> Any:
    """The users whose jobs this process has run before."""
    before = sorted(set(SEEN))
    SEEN.append(job.uid)
    return before
