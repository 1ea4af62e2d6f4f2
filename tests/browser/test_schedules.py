"""Schedules on the dashboard: set one by a form with a preview, look at it, run it, delete it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import flaws

HOURLY = {"task": "echo", "every_s": 3600, "data": 7}


@pytest.fixture(autouse=True)
def deleted(visit: Visit) -> Iterator[None]:
    """Other tests use the same node."""
    yield
    for each in visit.ask("GET", "/-/schedules"):
        visit.ask("DELETE", f"/-/schedules/{each['uid']}/{each['name']}")


def test_a_schedule_is_set_by_a_form_that_shows_its_next_times(visit: Visit, uid: str) -> None:
    page = visit.open("schedules")
    expect(page.get_by_role("heading", name="No schedules")).to_be_visible()
    page.get_by_role("button", name="New schedule").click()
    form = page.get_by_role("dialog")
    form.get_by_role("textbox", name="User").fill(uid)
    form.get_by_role("textbox", name="Name").fill("nightly")
    form.get_by_label("Time zone").fill("Europe/Berln")
    visit.ignore_errors("400")
    expect(form.get_by_label("Next times")).to_contain_text("did you mean 'Europe/Berlin'")
    form.get_by_label("Time zone").fill("Europe/Berlin")
    form.get_by_role("textbox", name="Cron").fill("61 25 32 13 9")
    expect(form.get_by_label("Next times").get_by_role("paragraph")).to_have_count(5)
    expect(form.get_by_label("Next times")).to_contain_text("hour is '25', and takes 0 to 23")
    form.get_by_role("textbox", name="Cron").fill("30 2 * * *")
    expect(form.get_by_label("Next times")).to_contain_text("At 02:30 every day")
    expect(form.get_by_label("Next times").get_by_role("row")).to_have_count(6)
    assert flaws(page) == []
    form.get_by_label("Task").select_option("echo")
    form.get_by_label("Data").fill('{"n": 12345678901234567890}')
    form.get_by_label("End after so many jobs").fill("2")
    form.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", name="nightly")).to_be_visible()
    expect(page.locator("dl.names")).to_contain_text("2 more jobs")
    expect(page.locator("table.times").get_by_role("row")).to_have_count(3)
    stored = visit.ask("GET", f"/-/schedules/{uid}/nightly")
    assert (stored["cron"], stored["timezone"]) == ("30 2 * * *", "Europe/Berlin")
    assert stored["data"] == {"n": 12345678901234567890}, "as it was typed"
    expect(page.locator("dl.names")).to_contain_text("30 2 * * * (Europe/Berlin)")
    assert flaws(page) == []
    visit.ignore_errors("400")


def test_a_schedule_is_run_paused_and_deleted(visit: Visit, uid: str) -> None:
    path = f"/-/schedules/{uid}/hourly"
    visit.ask("PUT", path, HOURLY)
    page = visit.open(f"schedules/{uid}/hourly")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")
    expect(page.locator("dl.names")).to_contain_text("hourly, for ")

    page = visit.open(f"schedules/{uid}/hourly")
    expect(page.locator("table.schedules")).to_contain_text("successful")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("It makes no jobs while it is paused")).to_be_visible()
    assert visit.ask("GET", path)["paused"] is True
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No schedules")).to_be_visible()


def test_a_schedule_is_deleted_with_its_jobs(visit: Visit, uid: str, tmp_path: Path) -> None:
    """Where they are to end, too; the dialog says what becomes of them."""
    visit.ask(
        "PUT",
        f"/-/schedules/{uid}/hourly",
        {**HOURLY, "task": "wait", "data": {"file": str(tmp_path / "file")}},
    )
    job = visit.ask("POST", f"/-/schedules/{uid}/hourly/run")
    page = visit.open(f"schedules/{uid}/hourly")
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Without this, they go on")
    dialog.get_by_label("Abort its jobs").check()
    assert flaws(page) == []
    dialog.get_by_role("button", name="Delete and abort").click()

    expect(page.get_by_role("heading", name="No schedules")).to_be_visible()
    assert visit.ask("GET", f"/{uid}/{job['id']}?wait=30")["status"] == "aborted"


def test_the_calendar_has_the_times_of_a_week(visit: Visit, uid: str) -> None:
    """And the history says why something was skipped."""
    visit.ask("PUT", f"/-/schedules/{uid}/daily", {"task": "echo", "cron": "@daily"})
    visit.ask("PUT", f"/-/schedules/{uid}/minutely", {"task": "echo", "every_s": 60})
    page = visit.open(f"schedules?uid={uid}")
    week = page.get_by_label("Calendar")
    expect(week.get_by_role("link", name="daily")).to_have_count(7)
    expect(week.get_by_text("often").first).to_be_visible()
    assert flaws(page) == []


def test_past_times_are_made_up_for(visit: Visit, uid: str) -> None:
    visit.ask("PUT", f"/-/schedules/{uid}/hourly", HOURLY)
    page = visit.open(f"schedules/{uid}/hourly")
    page.get_by_role("button", name="Backfill").click()
    form = page.get_by_role("dialog")
    form.get_by_label("From").fill("2026-01-01T00:00")
    form.get_by_label("To").fill("2026-01-01T01:30")
    form.get_by_role("button", name="Backfill").click()
    expect(form.get_by_text("2 jobs made.")).to_be_visible()
    assert flaws(page) == []
    form.get_by_role("button", name="Close").last.click()
    expect(page.locator("table.schedules tbody tr")).to_have_count(2)
