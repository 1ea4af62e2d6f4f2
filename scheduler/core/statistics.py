"""What the dashboard shows of the whole house, and how it is counted. Pure.

endings of the last minutes, in steps of ten seconds ─▶ one bar a minute, and a rate
spans of the newest ends                              ─▶ what half of them, and 95 %, stayed below
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final, NamedTuple

from scheduler.core.job import Status

STEP: Final = timedelta(seconds=10)
"""How finely endings are counted: a rate of the last minute is then never older than this."""
MINUTE: Final = timedelta(minutes=1)


class Standing(NamedTuple):
    """How many jobs wait and run; counting may have ended early, so `queued` is a lower bound."""

    queued: int
    running: int
    oldest_queued_at: datetime | None


class Ending(NamedTuple):
    """How many jobs came to a final status within one `STEP`."""

    at: datetime
    """When the step began: a whole multiple of it since 1970."""
    status: Status
    jobs: int


class Span(NamedTuple):
    """How long a job that has ended waited before its last attempt, and how long that ran."""

    waited_s: float
    ran_s: float


@dataclass(frozen=True, slots=True)
class Quantiles:
    """What half of some durations, and 95 of 100, did not exceed."""

    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The house at a glance."""

    at: datetime
    standing: Standing
    queued_is_exact: bool
    last_minute: Mapping[Status, int]
    minutes: Sequence[tuple[datetime, Mapping[Status, int]]]
    """Oldest first, without gaps, the current minute last."""
    minutes_since: datetime
    """Before this, the minutes may show fewer than there were."""
    waiting: Quantiles | None
    running: Quantiles | None


def by_minute(
    endings: Iterable[Ending], *, now: datetime, count: int
) -> Sequence[tuple[datetime, Mapping[Status, int]]]:
    """The endings of so many minutes, the current one included, also where nothing ended."""
    current = now.replace(second=0, microsecond=0)
    minutes = {current - MINUTE * back: Counter[Status]() for back in reversed(range(count))}
    for ending in endings:
        if (minute := ending.at.replace(second=0, microsecond=0)) in minutes:
            minutes[minute][ending.status] += ending.jobs
    return list(minutes.items())


def within_last_minute(endings: Iterable[Ending], *, now: datetime) -> Mapping[Status, int]:
    """How many came to each status in the last minute, the step under way included."""
    found = Counter[Status]()
    for ending in endings:
        if ending.at > now - MINUTE:
            found[ending.status] += ending.jobs
    return found


def complete_since(endings: Sequence[Ending], *, asked: datetime, limit: int) -> datetime:
    """From when on none is missing, where only the newest `limit` ends were counted."""
    if sum(ending.jobs for ending in endings) < limit:
        return asked
    return min(ending.at for ending in endings) + STEP


def quantiles(durations_s: Iterable[float]) -> Quantiles | None:
    """By nearest rank, so that each is a duration that occurred; None for no durations."""
    ordered = sorted(durations_s)
    if not ordered:
        return None
    p50, p95 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95))
    return Quantiles(p50, p95)
