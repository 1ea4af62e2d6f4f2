"""The jobs of the benchmark, as handlers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench import counting, shapes
from scheduler import handler

handler("loop")(shapes.loop)
handler("tree")(shapes.tree)
handler("sleep")(shapes.sleep)


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
