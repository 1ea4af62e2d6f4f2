"""Running jobs again from the dashboard, and finding a job by its id."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit


def test_a_job_is_run_again_by_one_click(visit: Visit, uid: str) -> None:
    """And the pages of the two lead to each other."""
    old = visit.ended(visit.submit("echo", {"n": 7}, uid=uid))
    page = visit.open(f"jobs/{uid}/{old['id']}")

    page.get_by_role("button", name="Run again", exact=True).click()
    expect(page).not_to_have_url(re.compile(old["id"]))
    expect(page.locator("h1")).to_have_text("echo ✓successful")
    expect(page.locator("dl.names")).to_contain_text("Runs again")
    page.get_by_role("link", name=old["id"]).click()
    expect(page.locator("dl.names")).to_contain_text("Run again as")

    new, first = visit.ask("GET", f"/{uid}")
    assert (new["rerun_of"], new["data"]) == (first["id"], {"n": 7})
    expect(page.get_by_role("link", name=new["id"])).to_be_visible()


def test_a_job_is_run_again_with_other_data(visit: Visit, uid: str) -> None:
    old = visit.ended(visit.submit("fail", {"n": 1}, uid=uid))
    page = visit.open(f"jobs/{uid}/{old['id']}")

    page.get_by_role("button", name="Edit and run again").click()
    page.get_by_label("Data").fill('{"n": 2}')
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page.locator("dl.names")).to_contain_text("Runs again")

    new, first = visit.ask("GET", f"/{uid}")
    assert (new["data"], new["rerun_of"], first["data"]) == ({"n": 2}, old["id"], {"n": 1})


def test_a_job_that_cannot_be_run_again_says_why(visit: Visit, uid: str) -> None:
    """Such as one that retention deletes while its page is open."""
    old = visit.ended(visit.submit("echo", uid=uid))
    page = visit.open(f"jobs/{uid}/{old['id']}")
    detail = '{"detail": "there is no such job any more"}'
    page.route("**/rerun", lambda route: route.fulfill(status=404, body=detail))

    page.get_by_role("button", name="Run again", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("there is no such job any more")
    visit.ignore_errors("404")


def test_all_that_match_are_run_again_after_a_count(visit: Visit, uid: str) -> None:
    """Nobody should submit a thousand jobs without having seen the number."""
    for number in range(3):
        visit.ended(visit.submit("fail", number, uid=uid))
    visit.ended(visit.submit("echo", uid=uid))
    page = visit.open(f"jobs?uid={uid}")

    page.get_by_role("button", name="Run all again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("3 failed jobs have no re-run yet")
    expect(dialog.locator(".users")).to_contain_text(f"{uid} 3")
    dialog.get_by_role("button", name="Run 3 jobs again").click()
    expect(dialog).to_contain_text("Run again: 3 jobs, as new ones.")
    dialog.get_by_role("button", name="Close", exact=True).last.click()

    jobs = visit.ask("GET", f"/{uid}")
    assert sum(job["rerun_of"] is not None for job in jobs) == 3
    expect(page.locator("table.jobs tbody tr")).to_have_count(7)


def test_the_filter_of_the_list_and_a_time_say_which(visit: Visit, uid: str) -> None:
    visit.ended(visit.submit("echo", uid=uid))
    visit.ended(visit.submit("fail", uid=uid))
    page = visit.open(f"jobs?uid={uid}&status=successful")

    page.get_by_role("button", name="Run all again").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 successful job has no re-run yet")
    with page.expect_request("**/-/reruns") as asked:
        dialog.get_by_label("Ended within").select_option("the last hour")
    order: Any = asked.value.post_data_json
    assert (order["status"], order["dry_run"]) == (["successful"], True)
    assert order["since"].endswith("Z")
    expect(dialog).to_contain_text("1 successful job has no re-run yet")


def test_where_nothing_is_to_be_run_again_that_is_said(visit: Visit, uid: str) -> None:
    visit.ended(visit.submit("echo", uid=uid))
    page = visit.open(f"jobs?uid={uid}")

    page.get_by_role("button", name="Run all again").click()

    expect(page.get_by_role("dialog")).to_contain_text(
        "No failed job that matches is without a re-run."
    )
    expect(page.get_by_role("dialog").get_by_role("button", name="again")).to_have_count(0)


def test_a_queued_job_shows_its_place_among_those_of_its_user(visit: Visit, uid: str) -> None:
    """Not among all: whose turn it is among users changes with each start."""
    held = visit.ask("POST", "/", {"uid": uid, "task": "echo", "delay_s": 3600})
    page = visit.open(f"jobs/{uid}/{held['id']}")
    answer = '{"ahead": 1001, "ahead_max": 1000, "reruns": []}'
    expect(page.locator("dl.names")).to_contain_text("its time")
    expect(page.locator("dl.names")).not_to_contain_text("Before it")

    page.route("**/data/job?*", lambda route: route.fulfill(body=answer))
    page.reload()

    expect(page.locator("dl.names")).to_contain_text("more than 1,000 jobs of the user")


def found(page: Page, text: str) -> None:
    field = page.get_by_label("Id of a job")
    field.fill(text)
    field.press("Enter")


def test_a_job_is_found_by_its_id_from_every_page(visit: Visit, uid: str) -> None:
    """As it is copied from a log or a message, which do not say whose it is."""
    job = visit.ended(visit.submit("echo", uid=uid))
    for path in ("", "nodes", "handlers", "jobs"):
        page = visit.open(path)
        found(page, f" {job['id']} ")
        expect(page).to_have_url(re.compile(f"#/jobs/{uid}/{job['id']}$"))
        expect(page.locator("h1")).to_contain_text("echo")
        expect(page.get_by_label("Id of a job")).to_have_value("")


def test_an_id_that_is_none_is_told_beside_the_field(visit: Visit) -> None:
    page = visit.open("nodes")

    found(page, "019ab000-0000-7000-8000-ffffffffffff")
    expect(page.locator(".find [role=status]")).to_contain_text("there is no job")
    found(page, "7")
    expect(page.locator(".find [role=status]")).to_contain_text("is no id of a job")
    page.get_by_label("Id of a job").fill("")
    expect(page.locator(".find [role=status]")).to_have_text("")
    visit.ignore_errors("404")
