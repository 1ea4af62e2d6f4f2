"""The handlers of the benchmarks' jobs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.jobs import counting, endless
from scheduler import handler

handler("loop")(endless.loop)
handler("tree")(endless.tree)
handler("sleep")(endless.sleep)


@handler("noop")
def noop(data: Any) -> None:
    """Do nothing."""


@handler("wait")
def wait(data: Any) -> None:
    """Wait for this many seconds."""
    time.sleep(data)


@handler("pass")
def pass_(data: Any) -> None:
    """Wait until the pipe at this path has a writer."""
    Path(data).open("rb").close()


@handler("start_time")
def start_time(data: Any) -> float:
    """Return when the job started, by the clock that all processes of a machine share."""
    return time.monotonic()


@handler("count")
def count(data: Any) -> None:
    """Compute for this many milliseconds, and count the job."""
    counting.count(data)
