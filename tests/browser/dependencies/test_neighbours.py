"""A job between those before and behind it, and how far a group is, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_job_is_drawn_between_its_neighbours_which_are_links(visit: Visit, uid: str) -> None:
    """Whoever looks for the reason of an abort comes to it by clicks."""
    job = {"uid": uid, "task": "echo"}
    first, bad, middle, last, other = visit.ask(
        "POST",
        "/",
        [
            {**job, "ref": "a"},
            {**job, "task": "fail", "ref": "b"},
            {**job, "ref": "c", "after": ["#a", "#b"]},
            {**job, "after": ["#c"], "after_if": "end"},
            {**job, "task": "tell_after", "after": ["#c"]},
        ],
    )
    for each in (first, bad, middle, last, other):
        visit.ended(each)
    page = visit.open(f"jobs/{uid}/{middle['id']}")

    graph = page.get_by_role("group", name="The jobs before and behind this one")
    expect(graph.get_by_role("link")).to_have_count(4)
    expect(graph.locator("rect.own")).to_have_count(1)
    expect(page.locator(".neighbours")).to_contain_text("After the success of all of the 2 jobs")
    expect(page.locator(".receipt")).to_contain_text(f"predecessor {bad['id']} terminated")
    graph.get_by_role("link", name=re.compile(bad["id"])).click()
    expect(page.locator("h1")).to_contain_text("fail")
    expect(page.get_by_role("link", name=re.compile(f"echo {middle['id']}"))).to_be_visible()


def test_a_job_that_waits_for_others_says_so(visit: Visit, uid: str) -> None:
    job = {"uid": uid, "task": "echo"}
    _, second = visit.ask(
        "POST", "/", [{**job, "ref": "a", "delay_s": 3600}, {**job, "after": ["#a"]}]
    )

    page = visit.open(f"jobs/{uid}/{second['id']}")

    expect(page.locator("dl.names")).to_contain_text("the jobs that it comes after")


def test_a_job_without_neighbours_has_no_graph(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("echo", uid=uid))

    page = visit.open(f"jobs/{uid}/{job['id']}")

    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    expect(page.locator(".neighbours")).to_have_count(0)


def test_a_group_shows_how_far_it_is_and_is_aborted(visit: Visit, uid: str) -> None:
    job = {"uid": uid, "task": "echo", "group": "nightly"}
    held = {**job, "delay_s": 3600}
    jobs = visit.ask(
        "POST", "/", [job, {**job, "task": "fail"}, held, held, {**held, "group": "x"}]
    )
    for each in jobs[:2]:
        visit.ended(each)
    page = visit.open(f"jobs/{uid}/{jobs[0]['id']}")
    page.get_by_role("link", name="nightly").click()

    group = page.get_by_role("region", name="The group nightly")
    expect(group).to_contain_text("2 of 4 jobs ended")
    expect(group).to_contain_text("2 do not wait for a worker yet")
    expect(page.locator("table.jobs a.id")).to_have_count(4)
    page.get_by_role("button", name="Abort all").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort 2 jobs").click()
    expect(page.get_by_role("dialog")).to_contain_text("Aborted at once: 2")
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(group).to_contain_text("4 of 4 jobs ended")
    page.get_by_role("button", name="Group nightly").click()
    expect(page.locator("table.jobs a.id")).to_have_count(5)
