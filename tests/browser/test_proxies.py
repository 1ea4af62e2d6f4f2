"""The dashboard behind nginx or Caddy, at the root and below a path."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import advance, visiting
from tests.browser.test_live import AT_ONCE_MS
from tests.support.nodes import Node


def test_a_page_is_live_behind_a_proxy(
    browser: Browser, front: Node, uid: str, script: Path
) -> None:
    """All that it loads comes from below its own path; progress and lines come by events."""
    with visiting(browser, front) as visit:
        page = visit.open()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        job = visit.submit("step", {"file": str(script), "total": 2}, uid=uid)
        page.locator("table.jobs tbody tr").filter(has_text=uid).locator("a.id").click()
        advance(script, "one")
        expect(page.locator(".progress")).to_contain_text("50 %", timeout=AT_ONCE_MS)
        expect(page.locator(".log")).to_contain_text("one", timeout=AT_ONCE_MS)
        advance(script, "two")
        expect(page.get_by_role("heading", name="step")).to_contain_text("successful")
        assert visit.ended(job)["status"] == "successful"


def test_the_description_of_the_api_is_shown_behind_a_proxy(browser: Browser, front: Node) -> None:
    with visiting(browser, front) as visit:
        visit.page.goto(f"{front.url}/-/docs")
        link = visit.page.get_by_role("link", name="openapi.json", exact=True)
        assert link.evaluate("(link) => link.href") == f"{front.url}/-/openapi.json"
        visit.page.goto(f"{front.url}/-/ui")
        visit.page.wait_for_url(f"{front.url}/-/ui/**")
