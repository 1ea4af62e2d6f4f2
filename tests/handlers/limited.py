"""Handlers with limits and throttles, for tests that look from inside at how many run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from scheduler import JobContext, Limit, Throttle, handler


def _beat(data: Any, job: JobContext) -> None:
    """Write the time to a file of the attempt's own, again and again, for so many seconds."""
    begun = now = time.monotonic()
    with Path(data["folder"], f"{job.id}-{job.attempt}").open("w") as file:
        while now < begun + data["for_s"]:
            now = time.monotonic()
            print(now, file=file, flush=True)
            time.sleep(0.005)


@handler("beating_1", limit=Limit(1))
def beating_1(data: Any, job: JobContext) -> None:
    """One at a time."""
    _beat(data, job)


@handler("beating_3", limit=Limit(3))
def beating_3(data: Any, job: JobContext) -> None:
    """Three at a time."""
    _beat(data, job)


@handler("by_customer", limit=Limit(1, by=("uid", "/customer")))
def by_customer(data: Any, job: JobContext) -> None:
    """One of each user and customer."""
    _beat(data, job)


@handler("throttled", throttle=Throttle(5, per_s=1, burst=2))
def throttled(data: Any, job: JobContext) -> None:
    """So many in a second."""
    _beat(data, job)


@handler("told_to_wait", throttle=Throttle(1000, per_s=1, burst=1000, by="uid"))
def told_to_wait(data: Any, job: JobContext) -> None:
    """Close the throttle for a while, if asked to."""
    Path(data["folder"], f"{job.id}-{job.attempt}").write_text(str(time.monotonic()))
    if data.get("after_s"):
        job.throttle(data["after_s"])


@handler("has_no_throttle")
def has_no_throttle(_data: Any, job: JobContext) -> None:
    """Close what is not there."""
    job.throttle(1)


def _undo(data: Any) -> None:
    """Take as long as a file is there."""
    while Path(data["undoing"]).exists():
        time.sleep(0.01)


@handler("undone_one_by_one", limit=Limit(1, by="/folder"), on_abort=_undo)
def undone_one_by_one(data: Any, job: JobContext) -> None:
    """One at a time, until what it did is undone."""
    _beat(data, job)
