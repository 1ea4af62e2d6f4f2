"""Schedules, as the clients send and read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from atlanscheduler_client import NewSchedule, Status, calls
from atlanscheduler_client.reading import deleted_schedule_of, preview_of, schedule_of
from scheduler.api.description.examples import BY_SCHEMA, SCHEDULE

AT = datetime(2026, 11, 24, 6, tzinfo=UTC)


def test_a_schedule_is_sent_as_the_api_has_it() -> None:
    new = NewSchedule(
        uid="ada",
        name="a/b",
        task="report",
        every=timedelta(minutes=10),
        phase=timedelta(minutes=2),
        start_at=AT,
        overlap="allow",
        remaining=3,
    )
    call = calls.set_schedule(new)
    assert (call.method, call.path) == ("PUT", "/-/schedules/ada/a%2Fb")
    assert call.body is not None
    order = json.loads(call.body)
    assert (order["every_s"], order["cron"], order["start_at"]) == (600.0, None, AT.isoformat())
    assert (order["phase_s"], order["pause_after_failures"]) == (120.0, None)
    assert order["remaining"] == 3
    assert (order["overlap"], order["misfire"], order["timezone"]) == ("allow", "once", "UTC")


def test_a_schedule_is_read_with_its_times() -> None:
    schedule = schedule_of(SCHEDULE)
    assert (schedule.cron, schedule.timezone) == ("0 2 * * *", "Europe/Berlin")
    assert schedule.next[0] == datetime(2026, 11, 24, 1, tzinfo=UTC)
    done, skipped = schedule.recent
    assert (done.status, done.skipped) == (Status.SUCCESSFUL, None)
    assert (skipped.job, skipped.skipped) == (None, "overlap")


def test_a_schedule_is_deleted_alone_or_with_its_jobs() -> None:
    assert calls.delete_schedule("ada", "nightly", abort=False).path == "/-/schedules/ada/nightly"
    assert calls.delete_schedule("ada", "nightly", abort=True).path.endswith("?abort=true")
    deleted = deleted_schedule_of(BY_SCHEMA["DeletedSchedule"])
    assert deleted.aborts is not None
    assert (deleted.name, deleted.aborts.aborted, deleted.aborts.aborting) == ("nightly", 1, 1)
    assert deleted_schedule_of(SCHEDULE).aborts is None


def test_a_run_that_is_repeated_by_the_client_has_one_key() -> None:
    """A lost answer must not make a second job."""
    call = calls.run_schedule("ada", "nightly", None)
    assert (call.method, call.path) == ("POST", "/-/schedules/ada/nightly/run")
    assert len(call.headers["Idempotency-Key"]) == 32
    assert calls.run_schedule("ada", "nightly", "k").headers["Idempotency-Key"] == "k"


def test_a_backfill_and_a_preview_are_sent_as_the_api_has_them() -> None:
    call = calls.backfill_schedule("ada", "nightly", begin=AT, end=AT)
    assert call.path == "/-/schedules/ada/nightly/backfill"
    assert json.loads(call.body or b"") == {"from": AT.isoformat(), "to": AT.isoformat()}
    asked = calls.preview_schedule(
        cron="@daily", every=None, timezone="UTC", start_at=None, count=2
    )
    assert json.loads(asked.body or b"")["cron"] == "@daily"
    preview = preview_of(BY_SCHEMA["Preview"])
    assert preview.local[0] == preview.next[0]
