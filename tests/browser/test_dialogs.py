"""A dialog does exactly what it asked for, and what was typed into it is not lost."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.conftest import HeldResponses, Visit, advance, drawn, wait_for


def middle(element: Locator) -> tuple[float, float]:
    """The middle of an element, where a mouse would click."""
    box = element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_bulk_abort_is_asked_for_anew_when_the_filter_changes(visit: Visit, uid: str) -> None:
    """Otherwise going back in the history could abort jobs that the dialog did not count."""
    visit.open(f"jobs?uid={uid}-other")
    page = visit.open(f"jobs?uid={uid}")
    expect(page.get_by_label("User")).to_have_value(uid)
    page.get_by_role("button", name="Abort all").click()
    expect(page.get_by_role("dialog")).to_be_visible()

    page.go_back()
    expect(page.get_by_label("User")).to_have_value(f"{uid}-other")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_text_that_is_marked_beyond_the_dialog_does_not_close_it(visit: Visit) -> None:
    page = visit.open("handlers?submit=echo")
    data = page.get_by_label("Data")
    data.fill("[1, 2, 3]")
    page.mouse.move(*middle(data))
    page.mouse.down()
    page.mouse.move(5, 5)
    page.mouse.up()
    drawn(page)
    expect(data).to_have_value("[1, 2, 3]")

    page.mouse.click(5, 5)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_abort_of_a_job_that_has_ended_is_not_offered(
    visit: Visit, uid: str, script: Path
) -> None:
    job = visit.submit("step", {"file": str(script), "total": 1}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    page.get_by_role("button", name="Abort").click()
    advance(script, "done")

    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It has ended meanwhile: it is successful.")
    expect(dialog.get_by_role("button", name="Abort", exact=True)).to_be_disabled()


def test_after_an_abort_the_focus_is_on_the_page(visit: Visit, uid: str, begun: Path) -> None:
    """The button that would get the focus back is gone."""
    job = visit.submit("wait", {"file": str(begun)}, uid=uid)
    wait_for(begun)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    page.get_by_role("button", name="Abort").click()
    page.get_by_role("dialog").get_by_role("button", name="Abort", exact=True).click()

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("main")).to_be_focused()
    visit.ended(job)


def test_an_abort_whose_dialog_was_dismissed_closes_no_other(
    visit: Visit, uid: str, begun: Path
) -> None:
    job = visit.submit("wait", {"file": str(begun)}, uid=uid)
    wait_for(begun)
    visit.page.route("**/events", lambda _: None)  # the page gets no event of the abort
    page = visit.open(f"jobs/{uid}/{job['id']}")
    held = HeldResponses(page, re.compile(r"/$"))
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Abort").click()
    dialog.get_by_role("button", name="Abort", exact=True).click()
    held.wait()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("a")
    expect(dialog).to_be_visible()

    held.release()
    expect(dialog).to_be_visible(timeout=1)
    visit.ended(job)


def test_a_submission_whose_form_was_closed_does_not_change_the_page(
    visit: Visit, uid: str
) -> None:
    page = visit.open("handlers?submit=echo")
    held = HeldResponses(page, re.compile(r"/$"))
    page.get_by_label("User").fill(uid)
    page.get_by_role("button", name="Submit", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    held.release()
    expect(page).to_have_url(re.compile("#/handlers$"), timeout=1)


def test_back_does_not_open_a_form_again(visit: Visit, uid: str) -> None:
    visit.open("nodes")
    page = visit.open("handlers?submit=echo")
    page.get_by_label("User").fill(uid)
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page).to_have_url(re.compile(f"#/jobs/{uid}/"))
    page.go_back()
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()

    page.keyboard.press("n")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page).to_have_url(re.compile("#/nodes$"))
    page.go_forward()  # as far as the form, which the browser remembers
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()


def test_a_form_opens_over_the_page_and_closes_back_to_what_opened_it(
    visit: Visit, uid: str
) -> None:
    """A user who only looked at the form is where he was, and goes on by keys from there."""
    job = visit.ended(visit.submit("echo", uid=uid))
    for path, heading, name in (
        (f"jobs/{uid}/{job['id']}", "echo", "Edit and run again"),
        (f"jobs?uid={uid}", "Jobs", "Submit a job"),
        ("handlers", "Handlers", "Submit …"),
    ):
        page = visit.open(path)
        button = page.get_by_role("button", name=name).last
        button.click()
        title = name if name.startswith("Edit") else "Submit a job"
        expect(page.get_by_role("dialog", name=title)).to_be_visible()
        expect(page.locator("h1").filter(has_text=heading)).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page).to_have_url(re.compile(re.escape(f"#/{path}") + "$"))
        expect(button).to_be_focused()

    page = visit.open(f"jobs?uid={uid}&submit=echo")  # a link that somebody sent
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(f"jobs.uid={uid}$"))


def test_a_handler_that_is_gone_is_not_replaced_by_another(visit: Visit) -> None:
    page = visit.open("handlers?submit=no_more")
    expect(page.get_by_role("alert")).to_contain_text("There is no handler no_more any more.")
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_disabled()

    page.get_by_label("Task").select_option("echo")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()
