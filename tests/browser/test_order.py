"""What the dashboard says of jobs that wait for a time, and how it changes when they run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import HeldResponses, Visit


def test_a_held_job_says_for_what_it_waits_and_can_run_at_once(visit: Visit, uid: str) -> None:
    """Nobody should wonder why nothing happens, or submit the job once more."""
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})

    page = visit.open(f"jobs?uid={uid}")
    expect(page.locator("table.jobs")).to_contain_text("waits for its time")

    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("dl.names")).to_contain_text("its time")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")


def test_the_priority_of_a_queued_job_can_be_changed(visit: Visit, uid: str) -> None:
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})

    page = visit.open(f"jobs/{uid}/{job['id']}")
    page.get_by_role("button", name="Priority").click()
    page.get_by_label("Head start in seconds").fill("90")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("dl.names")).to_contain_text("+1 min 30 s")
    assert visit.ask("GET", f"/{uid}/{job['id']}")["priority"] == 90


def test_the_time_of_a_queued_job_can_be_changed(visit: Visit, uid: str) -> None:
    """Only what was changed is sent: whoever changes the priority keeps the seconds of the time."""
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})
    page = visit.open(f"jobs/{uid}/{job['id']}")
    page.get_by_role("button", name="Priority").click()
    expect(page.get_by_label("Not before")).not_to_have_value("")
    page.get_by_label("Head start in seconds").fill("90")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("dl.names")).to_contain_text("+1 min 30 s")
    assert visit.ask("GET", f"/{uid}/{job['id']}")["run_at"] == job["run_at"]

    page.get_by_role("button", name="Priority").click()
    page.get_by_label("Not before").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")


def test_a_job_is_submitted_with_its_time_and_its_order(visit: Visit, uid: str) -> None:
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_text("When and how often").click()
    begin = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=1)
    local = page.evaluate(
        "(at) => { const d = new Date(at);"
        " return new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16); }",
        begin.isoformat(),
    )
    page.get_by_label("Not before").fill(local)
    page.get_by_label("Head start").fill("-5")
    page.get_by_label("Begin within").fill("1.5")
    page.get_by_label("Attempts at most").fill("3")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.locator("dl.names")).to_contain_text("its time")

    (job,) = visit.ask("GET", f"/{uid}")
    assert job["run_at"] == f"{begin:%Y-%m-%dT%H:%M:%S}.000Z"
    order = ("priority", "start_within_s", "max_attempts")
    assert [job[name] for name in order] == [-5, 1.5, 3]

    visit.ask("DELETE", f"/{uid}/{job['id']}")
    page.get_by_role("button", name="Edit and run again").click()
    expect(page.get_by_role("dialog").get_by_label("Data")).to_be_enabled()
    page.get_by_text("When and how often").click()
    expect(page.get_by_label("Not before")).to_have_value("")
    expect(page.get_by_label("Head start")).to_have_value("-5")
    page.get_by_label("Begin within").fill("")
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page.locator("dl.names")).to_contain_text("Runs again")
    again = visit.ask("GET", f"/{uid}")[0]
    assert [again[name] for name in order] == [-5, None, 3]


def test_a_wrong_field_is_named_as_in_the_form(visit: Visit, uid: str) -> None:
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_text("When and how often").click()
    page.get_by_label("Not before").fill("2999-01-01T00:00")
    page.get_by_role("button", name="Submit", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("Not before: got")
    visit.ignore_errors("400")


def test_a_change_from_elsewhere_is_shown_at_once(visit: Visit, uid: str) -> None:
    """Two people may look at the same job."""
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("dl.names")).to_contain_text("its time")

    visit.ask("PATCH", f"/{uid}/{job['id']}", {"priority": -5})

    expect(page.locator("dl.names")).to_contain_text("-5 s")


def test_a_change_does_not_hide_that_no_node_can_take_a_job(visit: Visit, uid: str) -> None:
    """Events do not say so, since no job is stored as one that waits for a node."""
    job = visit.ask("POST", "/", {"uid": uid, "task": "guarded_placed"})
    page = visit.open(f"jobs/{uid}/{job['id']}")
    names = page.locator("dl.names")
    expect(names).to_contain_text("a node with fast: no live node has it")
    held = HeldResponses(page, re.compile(rf"/{uid}/{job['id']}$"))

    visit.ask("PATCH", f"/{uid}/{job['id']}", {"priority": -5})

    expect(names).to_contain_text("-5 s")
    expect(names).to_contain_text("a node with fast: no live node has it")
    held.release()
    expect(names).to_contain_text("a node with fast: no live node has it")
    page.unroute_all(behavior="ignoreErrors")
    visit.ask("DELETE", f"/{uid}/{job['id']}")


def test_the_overview_counts_held_jobs_apart(visit: Visit, uid: str) -> None:
    """They are no reason for more workers."""
    visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})

    page = visit.open("")

    expect(page.locator("a.tile[data-status=queued]")).to_contain_text("held")


def test_a_job_between_two_attempts_shows_what_failed_and_can_go_on_at_once(
    visit: Visit, uid: str
) -> None:
    """Whoever has mended the cause does not wait for the pause."""
    data = {"how": "in an hour", "fails": 1}
    job = visit.ask("POST", "/", {"uid": uid, "task": "retried", "data": data})

    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("dl.names")).to_contain_text("its next attempt")
    table = page.locator("table.attempts")
    expect(table).to_contain_text("failed")
    expect(table).to_contain_text("scheduler.RetryLater: the handler asked to be run again")
    page.get_by_role("button", name="Run now").click()

    expect(page.get_by_role("heading", name="retried")).to_contain_text("successful")
    expect(table.locator("tbody tr")).to_have_count(2)


def test_a_job_with_one_attempt_has_no_table_of_them(visit: Visit, uid: str) -> None:
    """All of it is on the page already."""
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo"})

    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")
    expect(page.locator("table.attempts")).to_have_count(0)


def test_a_job_that_replaces_another_one_says_so_and_leads_to_it(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    """Whoever looks why it does not begin finds the job whose end it waits for."""
    file = tmp_path / "file"
    unique = {"key": "report-7", "on_conflict": "replace"}
    data = {"file": str(file)}
    job = {"uid": uid, "task": "undone_when_allowed", "data": data, "unique": unique}
    old = visit.ask("POST", "/", job)
    page = visit.open(f"jobs/{uid}/{old['id']}")
    expect(page.get_by_role("heading", name="undone_when_allowed")).to_contain_text("running")

    new = visit.ask("POST", "/", job)

    expect(page.locator("dl.names")).to_contain_text("Replaced by")
    page.get_by_role("link", name=new["id"]).click()
    names = page.locator("dl.names")
    expect(names).to_contain_text("the job that it replaces to be over")
    expect(names).to_contain_text("report-7")
    expect(names.get_by_role("link", name=old["id"])).to_be_visible()
    Path(f"{file}.allowed").touch()
    expect(page.get_by_role("heading", name="undone_when_allowed")).to_contain_text("running")
    visit.ask("DELETE", f"/{uid}/{new['id']}?grace_s=0")
