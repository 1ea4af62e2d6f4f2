"""When a schedule fires, found by looking at every minute: it knows neither cronsim nor gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

A_MINUTE = timedelta(minutes=1)


class Case(NamedTuple):
    """An expression, and the times on a clock that it means, in Python."""

    text: str
    fits: Callable[[datetime], bool]
    repeats: bool
    """Whether it means each hour or minute, so that it comes in both of two equal hours."""


def _weekday(wall: datetime) -> int:
    return wall.isoweekday() % 7


CASES = (
    Case("30 2 * * *", lambda t: (t.hour, t.minute) == (2, 30), repeats=False),
    Case("0 0 * * *", lambda t: (t.hour, t.minute) == (0, 0), repeats=False),
    Case("59 23 * * *", lambda t: (t.hour, t.minute) == (23, 59), repeats=False),
    Case("15 1-3 * * *", lambda t: t.minute == 15 and 1 <= t.hour <= 3, repeats=False),
    Case("5,45 0,2 * * *", lambda t: t.minute in {5, 45} and t.hour in {0, 2}, repeats=False),
    Case("0 2 * * SUN", lambda t: (t.hour, t.minute, _weekday(t)) == (2, 0, 0), repeats=False),
    Case(
        "10 1 1 * 6",
        lambda t: (t.hour, t.minute) == (1, 10) and (t.day == 1 or _weekday(t) == 6),
        repeats=False,
    ),
    Case("15 * * * *", lambda t: t.minute == 15, repeats=True),
    Case("0 */2 * * *", lambda t: t.minute == 0 and t.hour % 2 == 0, repeats=True),
    Case("15 */2 * * *", lambda t: t.minute == 15 and t.hour % 2 == 0, repeats=True),
    Case("*/20 2 * * *", lambda t: t.hour == 2 and t.minute % 20 == 0, repeats=True),
    Case("* * * * *", lambda _: True, repeats=True),
)


def fires(
    cases: tuple[Case, ...], zone: ZoneInfo, begin: datetime, end: datetime
) -> list[list[datetime]]:
    """The minutes from `begin` to `end` at which each of these expressions fires in a zone."""
    found: list[list[datetime]] = [[] for _ in cases]
    before = (begin - A_MINUTE).astimezone(zone).replace(tzinfo=None, fold=0)
    for minute in minutes(begin, end):
        local = minute.astimezone(zone)
        again = local.fold == 1
        wall = local.replace(tzinfo=None, fold=0)
        skipped = list(minutes(before + A_MINUTE, wall)) if wall - before > A_MINUTE else []
        for number, case in enumerate(cases):
            shown = case.fits(wall) and (case.repeats or not again)
            if shown or (not case.repeats and any(map(case.fits, skipped))):
                found[number].append(minute)
        before = wall
    return found


def minutes(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Each minute from one to another, without that one."""
    while begin < end:
        yield begin
        begin += A_MINUTE


def changes(zone: ZoneInfo, begin: datetime, end: datetime) -> list[datetime]:
    """The hours in which the clocks of a zone change."""
    found, hour = [], timedelta(hours=1)
    while begin < end:
        if begin.astimezone(zone).utcoffset() != (begin + hour).astimezone(zone).utcoffset():
            found.append(begin)
        begin += hour
    return found


def utc(*parts: int) -> datetime:
    """An instant."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
