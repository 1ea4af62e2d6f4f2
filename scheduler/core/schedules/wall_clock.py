"""From times on the clocks of a zone to instants.

    a time that clocks skip      the first minute that exists after it, once
    a time that they show twice  the first of both; each of them where the expression repeats

          01:30   02:00 ─ ─ ─ ▶ 03:00   03:30            02:30 skipped: 03:00
          01:30   02:00   02:59 ┐
                  02:00   02:59 ┘ 03:00                  02:30 twice: the first; hourly: both

The result is what a look at every minute finds: `tests/zones` takes that look.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from scheduler.core.schedules.cron import Cron

LOOK_AHEAD: Final = timedelta(hours=3)
"""Clocks are set back by less: two hours in Troll are the most since 1970, whole days apart."""
SAMPLE: Final = timedelta(minutes=30)
A_MINUTE: Final = timedelta(minutes=1)
NO_TIME: Final = timedelta(0)


def instants(cron: Cron, zone: ZoneInfo, *, after: datetime) -> Iterator[datetime]:
    """The instants of an expression in a zone that come after one, each once, in their order."""
    last = after.astimezone(UTC)
    for instant in _in_order(cron, zone, _begin(last, zone)):
        if instant > last:
            yield instant
            last = instant


def _in_order(cron: Cron, zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """The instants of times on the clock from this one on; some may come more than once."""
    seconds: deque[datetime] = deque()
    for wall in cron.walls(begin):
        first = _first(wall, zone)
        if first is None:  # clocks skip it
            if cron.repeats:
                continue
            first = _end_of_gap(wall, zone)
        while seconds and seconds[0] < first:
            yield seconds.popleft()
        yield first
        second = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        if cron.repeats and second > first and _shown(second, zone) == wall:
            seconds.append(second)
    yield from seconds


def _begin(after: datetime, zone: ZoneInfo) -> datetime:
    """The time on the clock from which on to look: earlier where clocks are about to be set back.

    What they then show for the second time comes after this instant, and has an earlier time.
    """
    offset = _offset(after, zone)
    samples = range(1, LOOK_AHEAD // SAMPLE + 1)
    least = min(_offset(after + number * SAMPLE, zone) for number in samples)
    return _shown(after, zone) - max(offset - least, NO_TIME)


def _first(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """When the clocks first show this time; None where they skip it."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return instant if _shown(instant, zone) == wall else None


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first minute after the gap in which this time lies."""
    late = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)  # by the offset before the gap
    early = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # by the one after it
    after = _offset(late, zone)
    while late - early > A_MINUTE:
        middle = early + (late - early) / A_MINUTE // 2 * A_MINUTE
        if _offset(middle, zone) == after:
            late = middle
        else:
            early = middle
    return late


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or NO_TIME


def _shown(instant: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of a zone show."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
