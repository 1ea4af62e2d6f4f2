"""Handlers whose jobs tests look at: they go on when a test lets them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from scheduler import JobContext, handler


@handler("step", timeout_s=600, grace_s=5)
def step(data: Any, job: JobContext) -> Any:
    """Report a step for each line that a test writes: {"file": "/a: b", "total": 4}."""
    path, total = Path(data["file"]), data["total"]
    for done in range(total):
        while len(path.read_text().splitlines()) <= done:
            time.sleep(0.01)
        said = path.read_text().splitlines()[done]
        print(said, flush=True)
        job.progress(done + 1, total, said)
    return {"steps": total}


def _wait_for_leave(data: Any) -> None:
    """Clean up nothing, but only once the file is gone."""
    while Path(data["file"]).exists():
        time.sleep(0.01)


@handler("slow_to_undo", on_abort=_wait_for_leave)
def slow_to_undo(data: Any) -> Any:
    """Wait for ever; its clean-up ends when a test lets it."""
    Path(data["file"]).write_text("begun")
    time.sleep(3600)
