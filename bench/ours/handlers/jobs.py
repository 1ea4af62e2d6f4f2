"""The jobs of the benchmark, as handlers."""

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


@handler("pass")
def pass_(data: Any) -> None:
    """Wait until the gate is open: until the pipe of this path has a writer."""
    Path(data).open("rb").close()


@handler("stamp")
def stamp(data: Any) -> float:
    """Return when it started, by the clock that all processes of a machine share."""
    return time.monotonic()


@handler("count")
def count(data: Any) -> None:
    """Be busy and be counted."""
    counting.count(data)
