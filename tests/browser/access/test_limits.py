"""Jobs that wait for others of their handler, and what a handler limits, on the dashboard."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit


def test_a_job_that_waits_for_its_limit_says_so(visit: Visit, tmp_path: Path) -> None:
    """However many slots are free: nothing else on the page would say why it does not begin."""
    data = {"folder": str(tmp_path), "for_s": 600}
    first, second = [visit.submit("beating_1", data, uid="limited") for _ in range(2)]
    page = visit.open(f"jobs/limited/{second['id']}")
    expect(page.get_by_text("another job of its handler to end")).to_be_visible()
    visit.ask("DELETE", f"/limited/{second['id']}")
    visit.ask("DELETE", f"/limited/{first['id']}?wait=30&grace_s=0")


def test_the_page_of_handlers_shows_limits_and_throttles(visit: Visit) -> None:
    page = visit.open("handlers")
    expect(page.get_by_text("1 at once by uid, /customer", exact=True)).to_be_visible()
    expect(page.get_by_text("5 in 1 s by task")).to_be_visible()
