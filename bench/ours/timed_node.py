"""A node that notes when it has done what an abort waits for: `main.py`, with functions wrapped.

Each return of such a function is a line in the file `marks` in the node's folder: the name of the
moment, and the time by the clock that all processes of a machine share.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final

MARKS: Final = "marks"
"""The file; whoever reads it may empty it."""
MOMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "durable": ("scheduler.store.sql_store:SqlStore", "request_abort"),
    "told": ("scheduler.worker.attempt:Attempt", "stop"),
    "seen": ("scheduler.processes.shared_memory", "used_by"),
    "gone": ("scheduler.processes.tree", "end"),
    "released": ("scheduler.processes.pool_process:PoolProcess", "end"),
    "looked": ("scheduler.processes.slots:Slots", "end"),
    "logged": ("scheduler.worker.job_logs.writer:JobLogWriter", "finish"),
    "settled": ("scheduler.store.grouped:GroupedStore", "settle"),
    "ready": ("scheduler.processes.slots:Slots", "ready"),
}
"""The function that has returned at each moment: where it is, and its name."""


def noted(function: Callable[..., Any], note: Callable[[], None]) -> Callable[..., Any]:
    """The function; `note` is called whenever it has returned."""

    @wraps(function)
    def call(*args: object, **options: object) -> object:
        found = function(*args, **options)
        note()
        return found

    @wraps(function)
    async def call_async(*args: object, **options: object) -> object:
        found = await function(*args, **options)
        note()
        return found

    return call_async if inspect.iscoroutinefunction(function) else call


def main() -> int:
    """Run a node."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from scheduler import cli  # noqa: PLC0415 - only now it is found

    file = os.open(MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(moment: str) -> None:
        os.write(file, f"{moment} {time.monotonic()}\n".encode())

    for moment, (place, name) in MOMENTS.items():
        owner = resolve_name(place)
        setattr(owner, name, noted(getattr(owner, name), partial(note, moment)))
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
