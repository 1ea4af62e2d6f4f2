"""What can be done from the dashboard: submit, watch, abort one, abort many."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit, advance, wait_for

WAITING = ["pid", "pid", "pid", "echo"]


def test_a_job_is_submitted_and_seen_to_its_end(visit: Visit, uid: str) -> None:
    page = visit.open("handlers")
    card = page.locator("article.card").filter(
        has=page.get_by_role("heading", name="echo", exact=True)
    )
    card.get_by_role("button", name="Submit").click()
    page.get_by_label("User").fill(uid)
    page.get_by_label("Data").fill('{"answer": 42}')
    page.get_by_role("button", name="Submit", exact=True).click()

    expect(page).to_have_url(re.compile(f"#/jobs/{uid}/"))
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")
    result = page.locator("section").filter(has=page.get_by_role("heading", name="Result"))
    expect(result).to_contain_text('"answer": 42')


def test_a_child_leads_to_its_parent_which_is_aborted_with_its_children(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    """Who finds one job of many wants the whole of it, and its end."""
    parent = visit.submit("wait", {"file": str(tmp_path / "parent")}, uid=uid)
    order = {"uid": uid, "task": "wait", "data": {"file": str(tmp_path / "child")}}
    child = visit.ask("POST", "/", {**order, "parent": parent["id"]})

    page = visit.open(f"jobs/{uid}/{child['id']}")
    page.get_by_role("link", name=parent["id"]).click()
    expect(page).to_have_url(re.compile(parent["id"]))
    page.get_by_role("button", name="Abort").click()
    page.get_by_label("Abort the jobs that it submitted").check()
    page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()

    expect(page.get_by_role("heading", name="wait")).to_contain_text("aborted")
    assert visit.ended(child)["status"] == "aborted"


def test_text_that_is_not_json_is_reported_during_typing_and_not_sent(
    visit: Visit, uid: str
) -> None:
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_label("Data").fill('{"answer": 42')

    expect(page.get_by_text("Not JSON yet:")).to_be_visible()
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_disabled()
    page.get_by_label("User").press("Enter")
    assert visit.ask("GET", f"/{uid}") == []

    page.get_by_label("Data").fill('{"answer": 42}')
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()


def test_data_are_sent_digit_by_digit(visit: Visit, uid: str) -> None:
    """JavaScript would round the number, and the user would not find it in a database."""
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_label("Data").fill("[9007199254740993]")
    page.get_by_role("button", name="Submit", exact=True).click()

    expect(page).to_have_url(re.compile(f"#/jobs/{uid}/"))
    (job,) = visit.ask("GET", f"/{uid}")
    assert job["data"] == [9007199254740993]


def test_a_refusal_is_shown_with_the_message_of_the_node(visit: Visit) -> None:
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill("-nobody")
    page.get_by_role("button", name="Submit", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("User: got")
    expect(page.get_by_role("alert")).to_contain_text("not starting with '-'")
    page.get_by_label("User").fill("nobody")
    expect(page.get_by_role("alert")).to_have_count(0)
    visit.ignore_errors("400")


def test_a_job_is_run_again_with_its_data_changed_or_not(visit: Visit, uid: str) -> None:
    """A user who corrects one number wants to type only that one; and no number is rounded."""
    job = visit.submit("echo", {"big": 9007199254740993, "small": 1.50}, uid=uid)
    visit.ended(job)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    again = page.get_by_role("button", name="Run again", exact=True)
    expect(again).to_have_css("background-color", "rgb(52, 72, 197)")  # grey would look disabled
    page.get_by_role("button", name="Edit and run again").click()

    expect(page.get_by_label("User")).to_have_value(uid)
    expect(page.get_by_label("User")).to_be_disabled()
    expect(page.get_by_label("Task")).to_have_value("echo")
    expect(page.get_by_label("Data")).to_have_value(re.compile('"big": 9007199254740993'))
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page).not_to_have_url(re.compile(job["id"]))  # the first job's page looks the same
    expect(page.locator("h1")).to_have_text("echo ✓successful")
    again, first = visit.ask("GET", f"/{uid}")
    assert (first["id"], again["data"]) == (job["id"], job["data"])
    assert again["rerun_of"] == first["id"]


def test_the_example_of_a_handler_is_offered_until_something_else_is_typed(visit: Visit) -> None:
    """A new user need not guess which data a handler takes."""
    page = visit.open("handlers?submit=step")
    expect(page.get_by_label("Data")).to_have_value('{"file": "/a: b", "total": 4}')
    page.get_by_label("Task").select_option("echo")
    expect(page.get_by_label("Data")).to_have_value("{}")
    page.get_by_label("Data").fill("[1]")
    page.get_by_label("Task").select_option("step")
    expect(page.get_by_label("Data")).to_have_value("[1]")


def test_progress_and_log_are_seen_as_they_come(visit: Visit, uid: str, script: Path) -> None:
    job = visit.submit("step", {"file": str(script), "total": 4}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("heading", name="step")).to_contain_text("running")

    advance(script, "cut the onions")
    expect(page.get_by_text("25 %")).to_be_visible()
    expect(page.locator(".progress .message")).to_have_text("cut the onions")
    expect(page.get_by_role("log")).to_contain_text("cut the onions")

    for line in ("peel", "boil", "serve"):
        advance(script, line)
    expect(page.get_by_role("heading", name="step")).to_contain_text("successful")
    expect(page.get_by_text("100 %")).to_be_visible()
    expect(page.get_by_text("Last progress")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("log").locator("div")).to_contain_text(
        ["cut the onions", "peel", "boil", "serve"]
    )
    expect(page.locator("section").filter(has_text="Result").last).to_contain_text('"steps": 4')


def test_notices_of_the_scheduler_in_a_log_differ_from_lines_of_the_job(
    visit: Visit, uid: str, begun: Path
) -> None:
    job = visit.submit("talk_undo", {"file": str(begun)}, uid=uid)
    wait_for(begun)
    visit.ask("DELETE", f"/{uid}/{job['id']}?wait=30")

    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("log").locator("span")).to_have_text(
        ["begun", "the clean-up begins", "undone"]
    )
    expect(page.locator("[data-stream=notice]")).to_have_count(1)


@pytest.mark.parametrize("path", ["jobs", "handlers?submit=echo"])
def test_names_and_json_are_not_checked_for_spelling(visit: Visit, path: str) -> None:
    fields = visit.open(path).locator("[name=uid], [name=data]")
    expect(fields.first).to_be_visible()
    assert fields.evaluate_all("fields => fields.map((each) => each.spellcheck)") == [
        False for _ in fields.all()
    ]


def test_a_job_is_aborted_with_a_reason_and_its_receipt_is_shown(
    visit: Visit, uid: str, begun: Path
) -> None:
    job = visit.submit("children", {"file": str(begun)}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("h1")).to_contain_text("running")
    wait_for(begun)

    page.get_by_role("button", name="Abort").click()
    page.get_by_label("Reason").fill("wrong input")
    page.get_by_label("Grace period").fill("0")
    page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()

    receipt = page.locator(".receipt")
    expect(receipt).to_contain_text("Every process of it is dead")
    expect(receipt).to_contain_text("wrong input")
    expect(receipt).to_contain_text("SIGKILL")
    expect(receipt).to_contain_text("Survivors0")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="children")).to_contain_text("aborted")
    abort = visit.ended(job)["abort"]
    assert (abort["reason"], abort["processes"]) == ("wrong input", 4)


def test_the_grace_period_of_an_abort_is_ended_by_a_button(
    visit: Visit, uid: str, begun: Path
) -> None:
    """Who sees that a handler hangs in its clean-up need not wait for the rest of an hour."""
    job = visit.submit("hard", {"way": "catching", "file": str(begun)}, uid=uid)
    wait_for(begun)
    visit.ask("DELETE", f"/{uid}/{job['id']}?grace_s=3600")
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("heading", name="hard")).to_contain_text("aborting")

    page.get_by_role("button", name="Kill now").click()
    expect(page.locator(".receipt")).to_contain_text("SIGKILL")
    expect(page.get_by_role("heading", name="hard")).to_contain_text("aborted")
    expect(page.get_by_role("button", name="Kill now")).to_have_count(0)


def test_the_clean_up_after_an_abort_is_followed_to_its_end(
    visit: Visit, uid: str, begun: Path
) -> None:
    job = visit.submit("slow_to_undo", {"file": str(begun)}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    wait_for(begun)

    visit.ask("DELETE", f"/{uid}/{job['id']}?wait=30")
    expect(page.get_by_text("is being undone")).to_be_visible()

    begun.unlink()
    expect(page.get_by_text("is undone")).to_be_visible()


def test_a_clean_up_that_fails_is_shown_with_its_reason_and_its_next_try(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    """Its user sees that somebody still cares, or can repair what hinders it meanwhile."""
    job = visit.submit("undone_at_last", {"file": str(tmp_path / "file")}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    wait_for(tmp_path / "file")

    visit.ask("DELETE", f"/{uid}/{job['id']}?wait=30")
    receipt = page.locator(".receipt")
    expect(receipt).to_contain_text(
        re.compile("failed 1 of 5 times, next try not before .*: RuntimeError: not yet")
    )

    expect(receipt).to_contain_text("failed 2 of 5 times", timeout=10_000)
    expect(receipt).to_contain_text("is undone at the third try", timeout=20_000)
    expect(page.locator(".timeline")).to_contain_text("undone at the third try")


def test_a_clean_up_that_waits_for_a_worker_says_so_and_what_failed(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    """With long jobs in all slots it waits for minutes, and nothing runs meanwhile."""
    job = visit.submit("undone_at_last", {"file": str(tmp_path / "file")}, uid=uid)
    wait_for(tmp_path / "file")
    job = visit.ask("DELETE", f"/{uid}/{job['id']}?wait=30")
    error = {"kind": "exception", "type": "OSError", "message": "disk full"}
    on_abort = {"state": "pending", "tries": 0, "tries_max": None, "next_try_at": None}
    shown = job["abort"] | {"cleanup": "pending", "on_abort": on_abort | {"error": None}}
    visit.page.route("**/events", lambda _: None)
    visit.page.route(
        f"**/{uid}/{job['id']}", lambda route: route.fulfill(json=job | {"abort": shown})
    )

    receipt = visit.open(f"jobs/{uid}/{job['id']}").locator(".receipt")

    expect(receipt).to_contain_text("Undoing what the job did (on_abort) waits for a free worker …")
    tried = on_abort | {"tries": 3, "tries_max": 5, "error": error}
    shown["on_abort"] = tried
    expect(receipt).to_contain_text(
        "failed 3 of 5 times, next try waits for a free worker: OSError: disk full", timeout=8_000
    )
    shown["on_abort"] = tried | {"state": "running"}
    expect(receipt).to_contain_text(
        "failed 3 of 5 times and runs again: OSError: disk full", timeout=8_000
    )


def test_an_abort_that_comes_too_late_says_so(visit: Visit, uid: str, script: Path) -> None:
    job = visit.submit("step", {"file": str(script), "total": 1}, uid=uid)
    visit.page.route("**/events", lambda _: None)  # the page gets no event of the end
    page = visit.open(f"jobs/{uid}/{job['id']}")
    page.get_by_role("button", name="Abort").click()
    advance(script, "done")
    visit.ended(job)
    page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text(
        "had ended before it could be aborted: it is successful"
    )
    visit.ignore_errors("409")


def test_all_that_match_are_aborted_after_their_number_was_confirmed(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("a", "b")]
    busy = [visit.submit("wait", {"file": str(file)}, uid=f"{uid}-busy") for file in files]
    for file in files:
        wait_for(file)
    *wanted, other = visit.ask("POST", "/", [{"uid": uid, "task": t} for t in WAITING])
    page = visit.open(f"jobs?uid={uid}&task=pid")
    statuses = page.locator("table.jobs .status")
    dialog = page.get_by_role("dialog")

    page.get_by_role("button", name="Abort all").click()
    expect(dialog).to_contain_text("This ends 3 jobs that are queued or running")
    dialog.get_by_role("button", name="Keep them").click()
    expect(dialog).to_have_count(0)
    expect(statuses).to_have_text(["○queued"] * 3)

    page.get_by_role("button", name="Abort all").click()
    dialog.get_by_role("button", name="Abort 3 jobs").click()
    expect(dialog.get_by_role("status")).to_contain_text("Aborted at once: 3. Told to stop: 0")
    expect(statuses).to_have_text(["■aborted"] * 3)

    for job in busy:
        visit.ask("DELETE", f"/{uid}-busy/{job['id']}?wait=30")
    assert [visit.ended(job)["status"] for job in wanted] == ["aborted"] * 3
    assert visit.ended(other)["status"] == "successful"


def test_a_bulk_abort_of_all_users_names_them_and_ends_only_what_matches(
    visit: Visit, uid: str, tmp_path: Path
) -> None:
    files = {name: tmp_path / name for name in ("a", "b")}
    jobs = [
        visit.submit("undoable", {"file": str(file)}, uid=f"{uid}-{name}")
        for name, file in files.items()
    ]
    for file in files.values():
        wait_for(file)
    waiting = visit.submit("pid", uid=uid)
    page = visit.open("jobs?task=undoable&status=running")

    page.get_by_role("button", name="Abort all").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This ends 2 jobs that are queued or running")
    for name in files:
        expect(dialog).to_contain_text(f"{uid}-{name}")
    dialog.get_by_role("button", name="Abort 2 jobs").click()

    expect(dialog.get_by_role("status")).to_contain_text("Told to stop: 2")
    assert [visit.ended(job)["status"] for job in jobs] == ["aborted", "aborted"]
    assert visit.ended(waiting)["status"] == "successful"
    dialog.locator("footer").get_by_role("button", name="Close").click()
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()
