"""Times around changes of the clocks, as numbers: the rule that docs/schedules.md prints.

`tests/zones` compares all of it with a look at every minute; here is what people ask about.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from scheduler.core.schedules import timing
from scheduler.core.schedules.firing import due
from scheduler.core.schedules.timing import Timing
from tests.contract.schedules.making import plan, schedule

BERLIN = "Europe/Berlin"
NO_SUMMER_TIME = "Africa/Tunis"
"""Its clocks are those of Berlin in winter."""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def after(instant: str, cron: str, name: str, count: int = 2) -> list[str]:
    found = Timing(cron=cron, timezone=name).after(utc(instant))
    return [f"{each:%m-%d %H:%M}" for each in islice(found, count)]


@pytest.mark.parametrize(
    ("name", "cron", "begin", "expected"),
    [
        (BERLIN, "30 2 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-30 00:30"]),
        (BERLIN, "0 * * * *", "2026-03-29T00:30", ["03-29 01:00", "03-29 02:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00", ["10-03 15:30", "10-04 15:15"]),
        ("Pacific/Chatham", "0 3 * * *", "2026-09-26T00:00", ["09-26 14:00", "09-27 13:15"]),
        ("Antarctica/Troll", "30 1 * * *", "2026-03-28T12:00", ["03-29 01:00", "03-29 23:30"]),
    ],
)
def test_a_time_that_clocks_skip_occurs_at_the_first_minute_that_exists(
    name: str, cron: str, begin: str, expected: list[str]
) -> None:
    """A nightly job that is left out in spring is noticed weeks later."""
    assert after(begin, cron, name) == expected


@pytest.mark.parametrize(
    ("name", "cron", "begin", "expected"),
    [
        (BERLIN, "30 2 * * *", "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        (BERLIN, "0 * * * *", "2026-10-24T23:30", ["10-25 00:00", "10-25 01:00"]),
        ("America/Santiago", "30 23 * * *", "2026-04-04T12:00", ["04-05 02:30", "04-06 03:30"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04T12:00", ["04-04 14:45", "04-05 15:15"]),
    ],
)
def test_a_time_that_clocks_show_twice_occurs_once_unless_it_repeats(
    name: str, cron: str, begin: str, expected: list[str]
) -> None:
    """A nightly job that runs twice in autumn is why people move to UTC."""
    assert after(begin, cron, name) == expected


@pytest.mark.parametrize(
    ("instant", "cron", "expected"),
    [
        ("00:50", "*/20 * * * *", "10-25 01:00"),  # the clocks are about to be set back
        ("01:00:01", "30 2 * * *", "10-26 01:30"),
        ("01:00:01", "15 */2 * * *", "10-25 01:15"),
        ("01:00:01", "*/20 * * * *", "10-25 01:20"),
    ],
)
def test_asked_from_inside_the_two_hours_no_time_is_past_and_none_left_out(
    instant: str, cron: str, expected: str
) -> None:
    """Who sets a schedule then, or starts a node, must not have it fire for the past."""
    assert after(f"2026-10-25T{instant}", cron, BERLIN, 1) == [expected]


@pytest.mark.parametrize(
    ("old", "new", "made"),
    [(BERLIN, NO_SUMMER_TIME, "2027-03-28T11:00"), (NO_SUMMER_TIME, BERLIN, "2027-03-28T10:00")],
)
def test_new_rules_of_a_zone_move_only_what_is_to_come(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, made: str
) -> None:
    """A node that knows another release of them makes each day one job, and none again."""
    noon = plan(timing=Timing(cron="0 12 * * *", timezone="Here"))
    monkeypatch.setattr(timing, "zone", lambda _: ZoneInfo(old))
    current = schedule(noon, cursor=utc("2027-03-27T11:00"))

    monkeypatch.setattr(timing, "zone", lambda _: ZoneInfo(new))
    found: list[datetime] = []
    while current.next_at is not None and current.next_at < utc("2027-03-30T00:00"):
        handled = due(current, current.next_at)
        found += handled.made
        current = schedule(noon, cursor=handled.cursor)

    assert [each.day for each in found] == [28, 29]
    assert found[0] == utc(made)
