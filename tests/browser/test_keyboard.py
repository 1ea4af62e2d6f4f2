"""The dashboard without a mouse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Visit, drawn, wait_for


def test_a_job_is_submitted_and_aborted_by_keys_alone(visit: Visit, uid: str, begun: Path) -> None:
    page = visit.open()
    keyboard = page.keyboard
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    keyboard.press("n")
    expect(page.get_by_label("User")).to_be_focused()
    keyboard.type(uid)
    keyboard.press("Tab")
    keyboard.type("wait")
    keyboard.press("Tab")
    keyboard.press("Control+A")
    keyboard.type(f'{{"file": "{begun}"}}')
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#/jobs/{uid}/"))
    wait_for(begun)
    expect(page.get_by_role("heading", name="wait")).to_contain_text("running")

    keyboard.press("a")
    expect(page.get_by_label("Reason")).to_be_focused()
    keyboard.type("by keys")
    keyboard.press("Enter")
    expect(page.locator(".receipt")).to_contain_text("by keys")
    expect(page.locator(".receipt")).to_contain_text("Every process of it is dead")


def test_the_list_is_walked_and_a_job_opened_by_keys(visit: Visit, uid: str) -> None:
    jobs = [visit.ended(visit.submit("echo", number, uid=uid)) for number in range(3)]
    page = visit.open(f"jobs?uid={uid}")
    rows = page.locator("table.jobs a.id")
    expect(rows).to_have_count(3)

    for index, key in ((0, "j"), (1, "j"), (2, "j"), (1, "k")):
        page.keyboard.press(key)
        expect(rows.nth(index)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(jobs[1]["id"]))


def test_every_page_has_a_pair_of_keys_and_the_help_names_them(visit: Visit) -> None:
    page = visit.open("nowhere")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()
    for key, name in (("o", "Overview"), ("j", "Jobs"), ("n", "Nodes"), ("h", "Handlers")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_keys_that_are_typed_into_a_field_do_nothing_else(visit: Visit) -> None:
    page = visit.open("jobs")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("gn?a")

    expect(page.get_by_label("User")).to_have_value("gn?a")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_filter_is_one_key_away_from_every_page_and_stays_as_it_is(visit: Visit) -> None:
    page = visit.open()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("User")).to_be_focused()

    page = visit.open("jobs?uid=ada&status=queued")
    expect(page.get_by_label("User")).to_have_value("ada")
    page.get_by_role("main").focus()
    page.keyboard.press("/")
    expect(page.get_by_label("User")).to_be_focused()
    drawn(page)
    expect(page).to_have_url(re.compile(r"jobs\?uid=ada&status=queued$"))


def test_the_second_key_of_a_pair_does_nothing_else(visit: Visit, uid: str) -> None:
    visit.ended(visit.submit("echo", uid=uid))
    page = visit.open(f"jobs?uid={uid}")
    expect(page.locator("table.jobs a.id")).to_have_count(1)
    for key in ("g", "k", "g", "j"):  # k alone would step through the list
        page.keyboard.press(key)
        drawn(page)
        expect(page.locator("table.jobs a.id")).not_to_be_focused(timeout=1)
    expect(page).to_have_url(re.compile(f"uid={uid}$"))


@pytest.mark.parametrize("keys", [["Escape"], ["Tab", "Enter"]], ids=["escape", "button"])
def test_a_dialog_gives_the_focus_back(visit: Visit, keys: list[str]) -> None:
    page = visit.open("jobs")
    button = page.get_by_role("button", name="Abort all")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    for key in keys:
        page.keyboard.press(key)

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_only_the_dialog_gets_keys_while_the_page_beneath_it_loads(visit: Visit, uid: str) -> None:
    visit.submit("echo", uid=uid)
    held: list[Route] = []
    visit.page.route("**/-/jobs?*", lambda route: held.append(route))  # noqa: PLW0108 - it looks at its signature
    page = visit.open(f"jobs?uid={uid}")
    page.get_by_role("button", name="Abort all").press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    while not held:
        page.wait_for_timeout(10)
    held[0].continue_()
    expect(page.locator("table.jobs a.id")).to_have_count(1)

    expect(page.locator("dialog:modal")).to_have_count(1)
    expect(page.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_first_tab_leads_to_the_content(visit: Visit) -> None:
    page = visit.open("jobs")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
