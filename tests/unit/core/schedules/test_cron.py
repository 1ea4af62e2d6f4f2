"""Cron expressions: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

import pytest

from scheduler.core.schedules.cron import ALIASES, CRON_MAX, WrongCron, parsed
from scheduler.core.schedules.timing import Timing
from scheduler.core.schedules.zones import TZDATA_VERSION, NoSuchZone, nearest, zone, zone_names

FROM = datetime(2026, 11, 23, 14, 8, 46, tzinfo=UTC)


def times(cron: str, count: int = 3, timezone: str = "UTC") -> list[str]:
    found = Timing(cron=cron, timezone=timezone).after(FROM)
    return [f"{each:%m-%d %H:%M}" for each in islice(found, count)]


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 2 * * *", ["11-24 02:00", "11-25 02:00", "11-26 02:00"]),
        ("*/20 * * * *", ["11-23 14:20", "11-23 14:40", "11-23 15:00"]),
        ("0 9-17/4 * * mon-fri", ["11-23 17:00", "11-24 09:00", "11-24 13:00"]),
        ("0 0 1 jan *", ["01-01 00:00", "01-01 00:00", "01-01 00:00"]),
        ("0 0 L * *", ["11-30 00:00", "12-31 00:00", "01-31 00:00"]),
        ("0 0 * * 5L", ["11-27 00:00", "12-25 00:00", "01-29 00:00"]),
        ("0 0 * * MON#1", ["12-07 00:00", "01-04 00:00", "02-01 00:00"]),
        ("0 0 1 * 1", ["11-30 00:00", "12-01 00:00", "12-07 00:00"]),
        ("@hourly", ["11-23 15:00", "11-23 16:00", "11-23 17:00"]),
        ("@Daily", ["11-24 00:00", "11-25 00:00", "11-26 00:00"]),
    ],
)
def test_an_expression_means_what_cron_says(cron: str, expected: list[str]) -> None:
    assert times(cron) == expected


@pytest.mark.parametrize("alias", ALIASES)
def test_a_short_form_is_an_expression(alias: str) -> None:
    assert parsed(alias).fields == ALIASES[alias]


def test_each_wrong_field_is_named_with_what_it_takes() -> None:
    """Whoever wrote it sees all of them at once."""
    with pytest.raises(WrongCron) as raised:
        parsed("61 25 32 foo 9")

    flaws = raised.value.flaws
    assert [(flaw.field, flaw.got) for flaw in flaws] == [
        ("minute", "61"),
        ("hour", "25"),
        ("day of the month", "32"),
        ("month", "foo"),
        ("day of the week", "9"),
    ]
    assert str(flaws[0]) == "minute is '61', and takes 0 to 59"
    assert "JAN to DEC" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("* * *", "it has 3 fields"),
        ("", "it is empty"),
        ("noon", "it has 1 field"),
        ("0 * * * * *", "it has 6 fields"),
        (
            "0 0 30 2 *",
            "none of its dates ever comes: month '2' has no day '30'",
        ),
        ("0 0 31 4,6,9,11 *", "none of its dates ever comes"),
        ("* * */20 * 1L", "none of its dates ever comes"),
        ("*/90 * * * *", "minute is '*/90', and takes 0 to 59, in steps of at most 59"),
        ("5-1 * * * *", "takes 0 to 59; a range goes from the lower to the higher one"),
        ("0 0 * * 5L/2", "day of the week is '5L/2'"),
        ("1" * (CRON_MAX + 1), f"it is longer than {CRON_MAX} characters"),
        (f"{'9' * 150} * * * *", "minute is "),
        ("@often", "there is no such form"),
        ("@dialy", "there is no such form; did you mean @daily?"),
        ("٣ * * * *", "minute is "),
    ],
)
def test_what_is_no_expression_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(WrongCron) as raised:
        parsed(text)
    assert why in str(raised.value)


def test_a_zone_is_named_exactly() -> None:
    """One that is misspelled is answered with those that are like it."""
    for name in ("berlin", "Europe/Berln", "../etc/passwd", ""):
        with pytest.raises(NoSuchZone):
            zone(name)
    assert nearest("berlin")[0] == "Europe/Berlin"
    assert nearest("Europe/Berln")[0] == "Europe/Berlin"
    assert nearest("new york")[0] == "America/New_York"
    assert nearest("xyzzy") == ()
    for name in ("UTC+2", "GMT+02:00", "+2"):
        assert nearest(name) == ("Etc/GMT-2",), "their sign is the other one"
    assert nearest("UTC-11") == ("Etc/GMT+11",)
    assert nearest("UTC+40") == ()


def test_all_zones_come_with_the_package() -> None:
    """Each node then knows the same rules, whatever its machine has."""
    assert len(zone_names()) > 500
    assert {zone(name).key for name in sorted(zone_names())[::20]} <= zone_names()
    assert TZDATA_VERSION.startswith("20")


def test_an_interval_counts_from_1970_on() -> None:
    """So it does not drift, whenever it begins."""
    found = list(islice(Timing(every_s=600).after(FROM), 2))
    assert [f"{each:%H:%M:%S}" for each in found] == ["14:10:00", "14:20:00"]
    (each,) = islice(Timing(every_s=86_400).after(FROM), 1)
    assert f"{each:%d %H:%M}" == "24 00:00"
    found = list(islice(Timing(every_s=600, phase_s=240).after(FROM), 2))
    assert [f"{each:%H:%M:%S}" for each in found] == ["14:14:00", "14:24:00"]


def test_nothing_occurs_before_the_start_and_after_the_end() -> None:
    """Both are times at which something may occur."""
    begin, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)
    timing = Timing(cron="0 0 * * *", start_at=begin, end_at=end)
    assert [each.day for each in timing.after(FROM)] == [1, 2, 3]
    assert [each.day for each in timing.after(begin)] == [2, 3]


@pytest.mark.parametrize("cron", ["0 2 * * *", "* * * * *"])
def test_an_occurrence_is_after_the_instant(cron: str) -> None:
    """Or a schedule would fire again and again."""
    timing, at = Timing(cron=cron, timezone="Europe/Berlin"), FROM
    for _ in range(50):
        (following,) = islice(timing.after(at), 1)
        assert following > at
        at = following
