"""Which occurrences become jobs: misfire, catch-up, jitter and overlap."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.core.schedules.firing import (
    MADE_UP_MAX,
    MISSED_COUNTED,
    ON_TIME,
    Unfinished,
    due,
    verdicts,
)
from scheduler.core.schedules.schedule import Misfire, Overlap, SkipReason
from scheduler.core.schedules.timing import Timing
from tests.contract.schedules.making import hours, plan, schedule

S = timedelta(seconds=1)
NONE = Unfinished(0, 0)


def made(now: datetime, **fields: object) -> tuple[list[datetime], int]:
    """What is made of an hourly schedule whose cursor is at hour 0, and how many are missed."""
    found = due(schedule(plan(**fields), cursor=hours(0)), now)
    return list(found.made), found.missed


def test_an_occurrence_is_made_once_it_is_due() -> None:
    found = due(schedule(cursor=hours(0)), hours(1) + S)
    assert (found.made, found.missed, found.cursor) == ((hours(1),), 0, hours(1))


@pytest.mark.parametrize("misfire", Misfire)
def test_one_that_is_a_little_late_is_in_time(misfire: Misfire) -> None:
    """A restart of a node takes some seconds."""
    assert made(hours(1) + ON_TIME, misfire=misfire, catchup_s=0.0) == ([hours(1)], 0)


@pytest.mark.parametrize(
    ("misfire", "catchup_s", "expected"),
    [
        (Misfire.SKIP, 1e5, ([], 5)),
        (Misfire.ONCE, 1e5, ([hours(5)], 4)),
        (Misfire.ONCE, 100.0, ([], 5)),
        (Misfire.ALL, 1e5, ([hours(n) for n in range(1, 6)], 0)),
        (Misfire.ALL, 2.1 * 3600, ([hours(4), hours(5)], 3)),
        (Misfire.ALL, 100.0, ([], 5)),
    ],
)
def test_what_is_missed_is_made_up_for_as_the_schedule_says(
    misfire: Misfire, catchup_s: float, expected: tuple[list[datetime], int]
) -> None:
    """Nobody was there for five hours and ten minutes."""
    now = hours(5) + timedelta(minutes=10)
    assert made(now, misfire=misfire, catchup_s=catchup_s) == expected


def test_no_more_are_made_up_for_than_a_hundred() -> None:
    """The last ones: a year without nodes must not flood the first minute with one."""
    found = due(
        schedule(plan(misfire=Misfire.ALL, catchup_s=604_800.0), cursor=hours(0)), hours(168)
    )
    assert found.made == tuple(hours(168 - n) for n in range(MADE_UP_MAX))[::-1]
    assert (found.missed, found.last_missed) == (68, hours(68))


def test_a_year_of_minutes_costs_a_moment() -> None:
    """The steps that are taken do not grow with the time that nobody was there."""
    minutely = plan(timing=Timing(cron="* * * * *", timezone="Europe/Berlin"))
    now = hours(24 * 365)
    found = due(schedule(minutely, cursor=hours(0)), now)
    assert (found.made, found.missed) == ((now,), MISSED_COUNTED)
    assert found.cursor == now


def test_jobs_are_late_by_the_jitter_and_never_early() -> None:
    """By the same on each node: else two of them would disagree on what is due."""
    jittered = schedule(plan(jitter_s=600.0), cursor=hours(0))
    late = [jittered.due_at(hours(n)) - hours(n) for n in range(100)]
    assert min(late) >= timedelta(0)
    assert max(late) < timedelta(seconds=600)
    assert len(set(late)) > 90
    assert jittered.next_at == jittered.due_at(hours(1))
    at = jittered.due_at(hours(1))
    assert due(jittered, at - timedelta(milliseconds=1)).made == ()
    assert due(jittered, at).made == (hours(1),)


@settings(deadline=None)
@given(
    misfire=st.sampled_from(Misfire),
    catchup_s=st.sampled_from([0.0, 59.0, 3600.0, 86_400.0]),
    every_s=st.sampled_from([1, 7, 60, 600, 3600]),
    jitter_s=st.sampled_from([0.0, 30.0, 3600.0]),
    away_s=st.lists(st.integers(0, 4_000), min_size=1, max_size=3),
)
def test_each_occurrence_is_made_or_missed_and_none_twice(
    misfire: Misfire, catchup_s: float, every_s: int, jitter_s: float, away_s: list[int]
) -> None:
    """Whatever the node sleeps in between: the model lists all, and says what becomes of each."""
    of = plan(
        timing=Timing(every_s=every_s), misfire=misfire, catchup_s=catchup_s, jitter_s=jitter_s
    )
    current, now = schedule(of, cursor=hours(0)), hours(0)
    limit = max(timedelta(seconds=catchup_s), ON_TIME)
    for seconds in away_s:
        now += timedelta(seconds=seconds)
        all_due = []
        for each in current.after(current.cursor):
            if current.due_at(each) > now:
                break
            all_due.append(each)
        late_max = ON_TIME if misfire is Misfire.SKIP else limit
        in_time = [each for each in all_due if now - current.due_at(each) <= late_max]
        expected = in_time[-MADE_UP_MAX:] if misfire is Misfire.ALL else in_time[-1:]
        if misfire is not Misfire.ALL and expected != all_due[-1:]:
            expected = []

        found = due(current, now)

        assert list(found.made) == expected
        assert found.missed == min(len(all_due) - len(expected), MISSED_COUNTED)
        current = schedule(of, cursor=found.cursor)
        assert list(islice(current.after(found.cursor), 1)) == list(
            islice(current.after(all_due[-1] if all_due else found.cursor), 1)
        )


@pytest.mark.parametrize(
    ("overlap", "unfinished", "expected"),
    [
        (Overlap.SKIP, NONE, "start"),
        (Overlap.SKIP, Unfinished(1, 0), "overlap"),
        (Overlap.ALLOW, Unfinished(5, 0), "start"),
        (Overlap.QUEUE_ONE, NONE, "start"),
        (Overlap.QUEUE_ONE, Unfinished(1, 0), "wait"),
        (Overlap.QUEUE_ONE, Unfinished(2, 1), "overlap"),
        (Overlap.REPLACE, NONE, "start"),
        (Overlap.REPLACE, Unfinished(1, 0), "wait"),
        (Overlap.REPLACE, Unfinished(2, 1), "wait"),
    ],
)
def test_overlap_decides_while_an_earlier_job_is_not_over(
    overlap: Overlap, unfinished: Unfinished, expected: str
) -> None:
    (verdict,) = verdicts([hours(1)], overlap, unfinished)
    assert (verdict.skipped or ("wait" if verdict.held else "start")) == expected


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (Overlap.SKIP, ["start", "overlap", "overlap"]),
        (Overlap.ALLOW, ["start", "start", "start"]),
        (Overlap.QUEUE_ONE, ["start", "wait", "overlap"]),
        (Overlap.REPLACE, ["overlap", "overlap", "start"]),
    ],
)
def test_several_at_once_overlap_each_other(overlap: Overlap, expected: list[str]) -> None:
    """Those that are made up for together."""
    found = verdicts([hours(1), hours(2), hours(3)], overlap, NONE)
    assert [each.skipped or ("wait" if each.held else "start") for each in found] == expected


def test_no_more_are_made_than_a_quota_has_room_for() -> None:
    found = verdicts([hours(1), hours(2)], Overlap.ALLOW, NONE, room=1)
    assert [each.skipped for each in found] == [None, SkipReason.QUOTA]


def test_what_is_paused_is_skipped() -> None:
    (found,) = verdicts([hours(1)], Overlap.ALLOW, NONE, skip=SkipReason.PAUSED)
    assert found.skipped is SkipReason.PAUSED
