"""The log of a job: it is complete, and stays where its reader scrolled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import HeldResponses, Visit, advance, drawn, wait_for

LOG = re.compile(r"/log\?follow=true$")
ONE = "2026-01-01T00:00:00.000Z stdout one\n"


def mark(page: Page) -> None:
    """Mark the box of the log, to see later whether it is still the same element."""
    page.get_by_role("log").evaluate("(box) => { box.marked = true; }")


def is_marked(page: Page) -> bool:
    return bool(page.get_by_role("log").evaluate("(box) => box.marked === true"))


def test_a_log_is_not_called_empty_before_it_is_loaded(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("talk", uid=uid))
    held = HeldResponses(visit.page, LOG)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    held.wait()
    log = page.locator("section.log")
    expect(log.get_by_label("Loading")).to_be_visible()
    expect(log).not_to_contain_text("It printed nothing", timeout=1)

    held.release()
    expect(page.get_by_role("log")).to_contain_text("from a child")


def test_a_job_that_has_not_printed_yet_says_so(visit: Visit, uid: str, begun: Path) -> None:
    job = visit.submit("wait", {"file": str(begun)}, uid=uid)
    wait_for(begun)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_text("It printed nothing yet.")).to_be_visible()

    visit.ask("DELETE", f"/{uid}/{job['id']}?wait=30")
    expect(page.get_by_text("It printed nothing.")).to_be_visible()


def test_a_hidden_page_follows_no_log(visit: Visit, uid: str, script: Path) -> None:
    """A browser opens six connections to a node: six tabs with logs would leave none for more."""
    job = visit.submit("step", {"file": str(script), "total": 2}, uid=uid)
    advance(script, "one")
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("log")).to_contain_text("one")
    mark(page)

    with page.expect_event("requestfailed", lambda request: LOG.search(request.url) is not None):
        visit.turn(hidden=True)
    advance(script, "two")
    visit.ended(job)
    visit.turn(hidden=False)
    expect(page.get_by_role("log").locator("span")).to_have_text(["one", "two"])
    assert is_marked(page)


def test_an_outage_leaves_the_log_and_its_reader_where_they_were(
    visit: Visit, uid: str, script: Path
) -> None:
    script.write_text("".join(f"{number}\n" for number in range(99)))
    job = visit.submit("step", {"file": str(script), "total": 100}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    log = page.get_by_role("log")
    expect(log.locator("div")).to_have_count(99)
    mark(page)
    log.evaluate("(box) => { box.scrollTop = 100; box.focus(); }")

    visit.context.set_offline(True)
    expect(page.locator(".line")).to_have_text("disconnected")
    visit.context.set_offline(False)
    expect(page.locator(".line")).to_have_text("live")
    advance(script, "the last")
    expect(log.locator("div")).to_have_count(100)
    assert is_marked(page)
    assert log.evaluate("(box) => box.scrollTop") == 100
    expect(log).to_be_focused()
    visit.ignore_errors("ERR_")


def test_a_log_that_broke_off_is_followed_again(visit: Visit, uid: str, script: Path) -> None:
    """A node that closes its server completes its responses, while the job goes on."""
    job = visit.submit("step", {"file": str(script), "total": 2}, uid=uid)
    advance(script, "one")
    visit.page.route(LOG, lambda route: route.fulfill(body=ONE), times=1)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    log = page.get_by_role("log").locator("span")
    expect(log).to_have_text(["one"])
    advance(script, "two")
    expect(log).to_have_text(["one", "two"])


def test_a_long_log_does_not_move_for_a_reader_in_its_middle(
    visit: Visit, uid: str, script: Path
) -> None:
    """The number of lines is limited: the oldest are dropped, above those that are read."""
    script.write_text("".join(f"{number}\n" for number in range(5000)))
    job = visit.submit("step", {"file": str(script), "total": 5100}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    log = page.get_by_role("log")
    expect(log).to_contain_text("4999")
    log.evaluate("(box) => { box.scrollTop = box.scrollHeight / 2; }")
    drawn(page)
    first = """(box) => [...box.children].find((line) =>
        line.offsetTop - box.offsetTop >= box.scrollTop).textContent"""
    before = log.evaluate(first)

    for number in range(5000, 5100):
        advance(script, f"{number}")
    visit.ended(job)
    expect(log).to_contain_text("5099")
    assert log.evaluate(first) == before


@pytest.mark.parametrize(
    ("line", "level", "rank"),
    [
        ("WARNING:root:the disk is nearly full", "WARNING", "warning"),
        ("2026-11-23 14:08:50,682 ERROR db: it is away", "ERROR", "error"),
        ("2026-11-23 14:08:50 [info     ] begun", "info", "plain"),
        ('{"event": "asked", "level": "debug"}', "debug", "low"),
        ("level=critical msg=lost", "critical", "error"),
        ("an error in a sentence, and INFORMATION", None, None),
    ],
)
def test_a_line_shows_its_level_and_its_stream_as_a_mark(
    visit: Visit, uid: str, line: str, level: str | None, rank: str | None
) -> None:
    """`logging` writes all levels to stderr: that alone is no reason for red."""
    job = visit.ended(visit.submit("say_to", ["stderr", line], uid=uid))
    page = visit.open(f"jobs/{uid}/{job['id']}")
    row = page.get_by_role("log").locator("div")

    expect(row.locator("span")).to_have_text(line)
    expect(row.get_by_title("It came by stderr")).to_have_text("err")
    expect(row.locator("b")).to_have_text([level] if level else [])
    assert row.get_attribute("data-level") == rank
    colours = "(each) => getComputedStyle(each).color"
    ink = page.locator("body").evaluate(colours)
    assert (row.locator("span").evaluate(colours) == ink) is (rank != "low")


def test_a_line_of_stdout_has_no_mark(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("say_to", ["stdout", "printed"], uid=uid))
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("log").locator("span")).to_have_text("printed")
    expect(page.get_by_title("It came by stderr")).to_have_count(0)
