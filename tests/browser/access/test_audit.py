"""The audit log in a real browser: who did what, for admins alone."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from atlanscheduler_client import Client, Job
from tests.browser.conftest import PHONE, Visit, log_in, token
from tests.browser.test_accessibility import flaws


def aborted(admin: Client, uid: str, *, reason: str | None = None) -> Job:
    """A job that was aborted before its end."""
    job = admin.submit(uid, "talk_until", {"file": "/nowhere/end"})
    return admin.abort(uid, job.id, reason=reason)


def rows(page: Page, text: str) -> list[str]:
    """The rows of the log that have this text."""
    return page.get_by_role("row").filter(has_text=text).all_inner_texts()


def seen(visitor: Visit, admin: Client) -> Page:
    """The page of the log, for a new admin."""
    page = visitor.open("audit")
    log_in(page, token(admin, "admin", "*").token)
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    return page


def test_an_admin_sees_who_did_what(visitor: Visit, admin: Client) -> None:
    """An abort with its reason and a way to the job, a login, a token."""
    job = aborted(admin, "ada", reason="wrong <b>input</b>")
    page = seen(visitor, admin)
    (row,) = [each for each in rows(page, job.id[-8:]) if "abort" in each]
    for text in ("first start", "ada", "reason wrong <b>input</b>", "127.0.0.1"):
        assert text in row
    assert rows(page, "token made")
    assert "the admin" in rows(page, "login")[0]
    page.get_by_role("row").filter(has_text="reason wrong").get_by_role(
        "link", name=job.id[-8:]
    ).click()
    expect(page.get_by_role("heading", name="talk_until")).to_be_visible()


def test_the_log_is_filtered_and_the_filter_is_in_the_address(
    visitor: Visit, admin: Client
) -> None:
    """So that one can send what one has found to somebody else."""
    for uid in ("eve", "bob"):
        aborted(admin, uid)
    page = seen(visitor, admin)
    page.get_by_label("Action").select_option("abort")
    page.get_by_role("searchbox", name="User").fill("eve")
    expect(page.get_by_role("cell", name="bob")).to_have_count(0)
    expect(page.get_by_role("cell", name="eve")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"#/audit\?uid=eve&action=abort$"))
    page.reload()
    expect(page.get_by_role("cell", name="eve")).to_have_count(1)
    page.get_by_label("Before").fill("2026-01-01")
    expect(page.get_by_role("heading", name="No record matches")).to_be_visible()
    page.get_by_role("link", name="Show all records").click()
    expect(page.get_by_role("cell", name="bob").first).to_be_visible()


def test_older_records_are_on_further_pages(visitor: Visit, admin: Client) -> None:
    """A log of months cannot be one page."""
    for _ in range(51):
        admin.create_token("filler", role="viewer", uids=["ada"])
    page = seen(visitor, admin)
    pages = page.get_by_role("navigation", name="Pages of records")
    pages.get_by_role("link", name="Older →").click()
    expect(pages.get_by_role("link", name="← Newest")).to_be_visible()
    expect(page.get_by_role("row").nth(1)).to_be_visible()


def test_the_log_is_reached_by_the_keyboard(visitor: Visit, admin: Client) -> None:
    """As all other pages are."""
    page = seen(visitor, admin)
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Handlers")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()


def test_axe_finds_nothing_on_the_log(visitor: Visit, admin: Client) -> None:
    """On a desk and on a phone, in light and dark; and nothing is wider than the phone."""
    aborted(admin, "ada", reason="x" * 300)
    page = seen(visitor, admin)
    for scheme in ("light", "dark"):
        # Without motion: amid a change from one to the other, contrasts are too low.
        page.emulate_media(
            color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce"
        )
        for size in ({"width": 1280, "height": 900}, PHONE):
            page.set_viewport_size({"width": size["width"], "height": size["height"]})
            assert flaws(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_nobody_else_is_offered_it(visitor: Visit, admin: Client) -> None:
    """And who goes there by its address is told why not."""
    page = visitor.open("nodes")
    log_in(page, token(admin, "operator", "*").token)
    expect(page.get_by_role("heading", name="Nodes")).to_be_visible()
    links = page.get_by_role("navigation", name="Pages").get_by_role("link")
    pages = ["overview", "jobs", "schedules", "nodes", "handlers", "pauses", "API"]
    expect(links).to_have_text(pages)
    visitor.open("audit")
    expect(page.get_by_role("alert")).to_contain_text("this needs the role admin")
