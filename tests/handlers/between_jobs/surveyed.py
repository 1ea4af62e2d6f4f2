"""A handler that returns the environment, in each place where a program may look for it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from scheduler import handler


def _initial(pid: object) -> list[str]:
    """The environment with which a process was started, which stays readable."""
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def _of_a_child() -> list[str]:
    return subprocess.check_output(["/usr/bin/env", "--null"], text=True).split("\0")


def _of_a_process() -> list[str]:
    """Of a process of `multiprocessing`, forked."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(_initial, ["self"])


@handler("environment")
def environment(data: Any) -> Any:
    """All that names a variable, by where it was found."""
    return {
        "python": [f"{key}={each}" for key, each in os.environ.items()],
        "child": _of_a_child(),
        "process": _of_a_process(),
        "start of this process": _initial("self"),
        "start of the fork server": _initial(os.getppid()),
        "arguments": [*sys.orig_argv, Path("/proc/self/cmdline").read_text()],
    }
