"""When the occurrences of a schedule are: by a cron expression in a zone, or every so many seconds.

An interval counts from 1970 on, in UTC: so it does not drift, whatever is restarted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

from scheduler.core.schedules import wall_clock
from scheduler.core.schedules.cron import parsed
from scheduler.core.schedules.zones import zone

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""No occurrence is looked for from here on."""
AN_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When something occurs. It has a cron expression or an interval, and not both."""

    cron: str | None = None
    every_s: int | None = None
    phase_s: int = 0
    """By how much the times of an interval are shifted; less than the interval."""
    timezone: str = "UTC"
    start_at: datetime | None = None
    """No occurrence before this time."""
    end_at: datetime | None = None
    """None after it."""

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Its occurrences after an instant, in UTC."""
        if self.start_at is not None:
            instant = max(instant, self.start_at - AN_INSTANT)
        end = LAST if self.end_at is None else min(self.end_at, LAST)
        return takewhile(lambda each: each <= end, self._all_after(instant))

    def _all_after(self, instant: datetime) -> Iterator[datetime]:
        if self.cron is not None:
            return wall_clock.instants(parsed(self.cron), zone(self.timezone), after=instant)
        begin = EPOCH + timedelta(seconds=self.phase_s)
        return _multiples(timedelta(seconds=self.every_s or 1), begin, instant)


def _multiples(step: timedelta, begin: datetime, instant: datetime) -> Iterator[datetime]:
    number = (instant - begin) // step + 1
    while True:
        yield begin + number * step
        number += 1
