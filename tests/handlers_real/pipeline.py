"""A pipeline of two programs, as for ffmpeg: the output of one is the input of the other."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path
from typing import Any

from scheduler import handler

from .hold import reached


@handler("pipeline")
def pipeline(data: Any) -> Any:
    """Pack the lines that a program prints: {"gz": path, "lines": 1000}, or without end."""
    how_many = data.get("lines")
    source = ["seq", str(how_many)] if how_many else ["yes", "a line"]
    with Path(data["gz"]).open("wb") as packed:
        first = subprocess.Popen(source, stdout=subprocess.PIPE)
        second = subprocess.Popen(["gzip", "-1", "-c"], stdin=first.stdout, stdout=packed)
        assert first.stdout is not None
        first.stdout.close()  # so that the first gets SIGPIPE if the second ends
        reached(data.get("hold"))
        statuses = [second.wait(), first.wait()]
    with gzip.open(data["gz"]) as lines:
        return {"statuses": statuses, "lines": sum(1 for _ in lines)}
