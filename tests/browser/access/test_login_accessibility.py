"""What axe-core finds on the login page, and on what a viewer sees: nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, ViewportSize, expect

from atlanscheduler_client import Client
from tests.browser.conftest import REFUSED, Visit, log_in, token, visiting
from tests.browser.test_accessibility import LOOKS, flaws, shown
from tests.support.nodes import Node


@pytest.mark.parametrize(("theme", "viewport"), LOOKS)
def test_axe_finds_nothing_where_one_logs_in_and_as_a_viewer(
    browser: Browser, asking: Node, admin: Client, theme: str, viewport: ViewportSize
) -> None:
    """Whoever cannot read the form does not get in at all."""
    job = admin.submit("ada", "fail", "the reason")
    admin.wait("ada", job.id, timeout_s=60)
    with visiting(browser, asking, color_scheme=theme, viewport=viewport) as visit:
        found = _of_login(visit)
        log_in(visit.page, token(admin, "viewer", "ada", "team-a.*").token)
        expect(visit.page.get_by_text("You act for ada, team-a.*")).to_be_visible()
        logout = visit.page.get_by_role("button", name="Log out").bounding_box()
        assert logout
        assert logout["width"] > 1.5 * logout["height"], "its text is on one line"
        for path in ("", "jobs?uid=ada", "handlers", f"jobs/ada/{job.id}", "nowhere"):
            found += shown(visit, path)
        assert found == []
        assert not _scrolls_sideways(visit)
        visit.ignore_errors(REFUSED)


def _of_login(visit: Visit) -> list[str]:
    """Of the empty form, and of one that was refused."""
    page = visit.open()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_role("link", name="API")).to_have_count(0)
    found = flaws(page)
    log_in(page, "atl_nonsense")
    expect(page.get_by_role("alert")).to_contain_text("no token")
    return found + flaws(page)


def _scrolls_sideways(visit: Visit) -> bool:
    return bool(
        visit.page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )
