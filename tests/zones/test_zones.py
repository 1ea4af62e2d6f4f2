"""Schedules fire at the minutes that the oracle finds, whatever becomes of the clocks."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from itertools import takewhile

import pytest

from scheduler.core.schedules.timing import Timing
from scheduler.core.schedules.zones import zone
from tests.zones.oracle import CASES, changes, fires, utc

ALL = bool(os.environ.get("ZONES"))
"""Every minute of two years, and not only the days around changes."""
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Chisinau",
    "Atlantic/Azores",
    "America/New_York",
    "America/St_Johns",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Havana",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Santiago",
    "America/Asuncion",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Jerusalem",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Easter",
]
YEARS = [(name, utc(2026, 1, 1), utc(2028, 1, 1)) for name in ZONES]
YEARS += [("Pacific/Apia", utc(2011, 1, 1), utc(2013, 1, 1))]
AROUND = timedelta(days=2)


def spans(name: str, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    if ALL:
        return [(begin, end)]
    return [
        (change - AROUND, change + AROUND)
        for change in changes(zone(name), begin, end)[:4]  # of the first year, mostly
    ] or [(begin, begin + AROUND)]


@pytest.mark.timeout(0 if ALL else 120)
@pytest.mark.parametrize(("name", "begin", "end"), YEARS, ids=[name for name, *_ in YEARS])
def test_occurrences_are_those_of_a_look_at_every_minute(
    name: str, begin: datetime, end: datetime
) -> None:
    """In the gap of spring once, in the equal hours of autumn once or twice, and never else."""
    for first, last in spans(name, begin, end):
        expected = fires(CASES, zone(name), first, last)
        for case, minutes in zip(CASES, expected, strict=True):
            timing = Timing(cron=case.text, timezone=name)
            occurring = timing.after(first - timedelta(microseconds=1))
            found = list(takewhile(lambda each: each < last, occurring))  # noqa: B023 - read at once
            assert found == minutes, case.text


@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll"])
def test_occurrences_are_the_same_from_any_instant_on(name: str) -> None:
    """A node may be started, or a schedule made, in the middle of the hour that comes twice."""
    for change in changes(zone(name), utc(2026, 1, 1), utc(2027, 1, 1)):
        begin, end = change - timedelta(hours=5), change + timedelta(hours=5)
        for case in CASES:
            timing = Timing(cron=case.text, timezone=name)
            all_of_them = list(takewhile(lambda each: each < end, timing.after(begin)))  # noqa: B023
            for number in range(0, 600, 7):
                instant = begin + timedelta(minutes=number, seconds=30)
                expected = [each for each in all_of_them if each > instant]
                found = takewhile(lambda each: each < end, timing.after(instant))  # noqa: B023
                assert list(found) == expected, (case.text, instant)
