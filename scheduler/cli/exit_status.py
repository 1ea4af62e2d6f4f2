"""The exit statuses of the commands, for scripts; docs/command-line.md has them as a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from atlanscheduler_client import Cleanup, JobState, Status


class Exit(IntEnum):
    """The exit statuses. Python also exits with 1, after an unexpected error."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    TERMINATED = 3
    ABORTED = 4
    TIME_UP = 5
    NO_SUCH_JOB = 6
    UNREACHABLE = 7
    NOT_UNDONE = 8
    NOT_ALLOWED = 9
    INTERRUPTED = 130


EXIT_BY_STATUS: Final[Mapping[Status, Exit]] = {
    Status.SUCCESSFUL: Exit.DONE,
    Status.TERMINATED: Exit.TERMINATED,
    Status.ABORTED: Exit.ABORTED,
}
"""The exit statuses of `wait` and `watch`, by how the job ended."""


def is_left_undone(job: JobState) -> bool:
    """Whether the job is aborted, and its clean-up failed for good."""
    return job.abort is not None and job.abort.cleanup is Cleanup.FAILED
