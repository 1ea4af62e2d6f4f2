"""The statistics on the dashboard, and how they are counted. Pure.

finished per step of 10 s, for 30 minutes ─▶ one bar a minute, and the rate of the last minute
durations of the newest finished jobs     ─▶ the median and the 95th percentile
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from types import MappingProxyType
from typing import Final, NamedTuple

from scheduler.core.job import Status

STEP: Final = timedelta(seconds=10)
"""The step in which finished jobs are counted: the last minute's rate is at most this old."""
MINUTE: Final = timedelta(minutes=1)


class JobCounts(NamedTuple):
    """How many jobs wait, are held and run; counts have a limit, so they are lower bounds."""

    queued: int
    """Those that wait for a worker."""
    running: int
    oldest_queued_s: float | None
    """For how long the oldest of them waits, by the store's clock; None where none waits."""
    held: Mapping[str, int] = MappingProxyType({})
    """Queued jobs that wait for something else first, by reason."""


class CountSample(NamedTuple):
    """How many jobs were queued and ran at one time, as far as they were counted."""

    at: datetime
    queued: int
    running: int


class FinishedCount(NamedTuple):
    """How many jobs reached a final status within one `STEP`."""

    at: datetime
    """When the step began: a multiple of `STEP` since 1970."""
    status: Status
    jobs: int


class JobDurations(NamedTuple):
    """How long a finished job waited before its last attempt, and how long that attempt ran."""

    waited_s: float
    ran_s: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """The median and the 95th percentile of some durations."""

    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All figures of the dashboard at one time."""

    at: datetime
    counts: JobCounts
    queued_is_exact: bool
    last_minute: Mapping[Status, int]
    minutes: Sequence[tuple[datetime, Mapping[Status, int]]]
    """Oldest first, without gaps, the current minute last."""
    minutes_since: datetime
    """Before this, the minutes may show fewer jobs than there were."""
    waiting: Quantiles | None
    running: Quantiles | None


def by_minute(
    finished_per_step: Iterable[FinishedCount], *, now: datetime, count: int
) -> Sequence[tuple[datetime, Mapping[Status, int]]]:
    """Finished jobs by minute, for the last `count` minutes, minutes without any included."""
    current = now.replace(second=0, microsecond=0)
    minutes = {current - MINUTE * back: Counter[Status]() for back in reversed(range(count))}
    for step in finished_per_step:
        if (minute := step.at.replace(second=0, microsecond=0)) in minutes:
            minutes[minute][step.status] += step.jobs
    return list(minutes.items())


def within_last_minute(
    finished_per_step: Iterable[FinishedCount], *, now: datetime
) -> Mapping[Status, int]:
    """How many jobs reached each status in the last minute, the current step included."""
    found = Counter[Status]()
    for step in finished_per_step:
        if step.at > now - MINUTE:
            found[step.status] += step.jobs
    return found


def complete_since(
    finished_per_step: Sequence[FinishedCount], *, asked: datetime, limit: int
) -> datetime:
    """The instant since which none is missing, where only the newest `limit` jobs were counted."""
    if sum(step.jobs for step in finished_per_step) < limit:
        return asked
    return min(step.at for step in finished_per_step) + STEP


def quantiles(durations_s: Iterable[float]) -> Quantiles | None:
    """By nearest rank, so that each is a duration that occurred; None without durations."""
    ordered = sorted(durations_s)
    if not ordered:
        return None
    p50, p95 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
    return Quantiles(p50, p95)
