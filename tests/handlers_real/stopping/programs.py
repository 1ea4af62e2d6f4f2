"""Programs that do not end."""

from __future__ import annotations

import subprocess
from typing import Any

from scheduler import handler

from .note import noted

SLEEP = ["sleep", "600"]


@handler("program_run")
def program_run(data: Any) -> None:
    """Wait for a program and its output: {}."""
    with noted(data["note"]):
        subprocess.run(SLEEP, capture_output=True, check=True)


@handler("program_with")
def program_with(data: Any) -> None:
    """Wait for a program in a block that waits for it, too: {}."""
    with noted(data["note"]), subprocess.Popen(SLEEP) as program:
        program.wait()


@handler("program_pipeline")
def program_pipeline(data: Any) -> None:
    """Wait for the second of two programs: {}."""
    with noted(data["note"]), subprocess.Popen(["yes"], stdout=subprocess.PIPE) as first:
        second = subprocess.Popen(SLEEP, stdin=first.stdout)
        if first.stdout is not None:
            first.stdout.close()  # so that it ends when the second one does
        second.wait()
