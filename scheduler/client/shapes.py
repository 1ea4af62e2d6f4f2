"""What is sent and what is answered, as values; `reading` makes them from JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.core.job import FINAL, Cleanup, Failure, Progress, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to submit."""

    uid: str
    task: str
    data: Any = None
    """Any JSON value."""
    hook: str | None = None
    """An http(s) URL that is called once the job has ended, and when its handler notifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """An abort, from the request on; once `finished_at` is set, the proof of death."""

    requested_at: datetime
    reason: str | None
    finished_at: datetime | None
    latency_ms: int | None
    """From the request to the death verified."""
    signal: str | None
    """The last one that was needed; None where nothing ran."""
    processes: int | None
    """How many were ended."""
    survivors: int | None
    """How many were still alive when last looked for."""
    cleanup: Cleanup | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job without what its user and its handler gave: what events bring."""

    id: str
    uid: str
    status: Status
    task: str
    hook: str | None
    error: Failure | None
    progress: Progress | None
    attempt: int
    """0 before the first."""
    node: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    abort: Abort | None

    @property
    def final(self) -> bool:
        """Whether the status never changes any more."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(JobState):
    """A job."""

    data: Any
    result: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborts:
    """What aborting all that match came to."""

    aborted: int
    aborting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of what a job printed."""

    at: datetime
    stream: str
    """`stdout`, `stderr`, or `notice` for what the scheduler itself says in between."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A handler that jobs can be submitted to."""

    name: str
    doc: str | None
    timeout_s: float | None
    grace_s: float | None
    memory_bytes: int | None
    """How much memory each process of a job may take; None for what the machine allows."""
    on_abort: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running scheduler."""

    name: str
    id: str
    version: str
    workers: int
    running: int
    tasks: Sequence[str]
    started_at: datetime
