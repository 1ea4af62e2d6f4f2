"""How a command ended, for scripts; docs/command-line.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from scheduler.core.job import Status


class Exit(IntEnum):
    """The exit statuses. 1 is Python's own for a defect too."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    TERMINATED = 3
    ABORTED = 4
    TIME_UP = 5
    NO_SUCH_JOB = 6
    UNREACHABLE = 7
    INTERRUPTED = 130


OF_JOB: Final[Mapping[Status, Exit]] = {
    Status.SUCCESSFUL: Exit.DONE,
    Status.TERMINATED: Exit.TERMINATED,
    Status.ABORTED: Exit.ABORTED,
}
"""What `wait` and `watch` say of a job's end."""
