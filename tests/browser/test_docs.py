"""The page that describes the API, as its reader uses it."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, expect

from tests.browser.conftest import PHONE, Visit, visiting
from tests.support.nodes import Node
from tests.unit.api.conftest import DOCUMENT

SMALL_PHONE = {**PHONE, "width": 320}
OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true"


def test_the_dashboard_and_the_description_lead_to_each_other(visit: Visit) -> None:
    page = visit.open("jobs")
    page.get_by_role("link", name="API", exact=True).click()
    expect(page).to_have_url(re.compile("/-/docs$"))
    expect(page.get_by_role("heading", name="AtlanScheduler API")).to_be_visible()

    page.get_by_role("navigation", name="This node").get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_routes_are_found_by_opening_their_group(visit: Visit) -> None:
    """Twenty routes with their examples are 30 screens: nobody scrolls through them."""
    page = visit.page
    page.goto(f"{visit.node.url}/-/docs")
    main = page.get_by_role("main")
    expect(main.get_by_role("heading", level=2)).to_have_count(2 + len(DOCUMENT["tags"]))
    expect(main.get_by_role("heading", level=3)).to_have_count(0)

    main.get_by_role("heading", name="Aborts", level=2).click()
    expect(main.get_by_role("heading", level=3)).to_have_text(
        ["DELETE /", "DELETE /{uid}", "DELETE /{uid}/{id}"]
    )
    main.get_by_role("heading", name="DELETE /{uid}/{id}", exact=True).click()
    expect(main.get_by_text(f"curl -X DELETE '{visit.node.url}/ada/")).to_be_visible()
    expect(main.locator("#abort_job").get_by_text('"survivors": 0')).to_be_visible()


def test_a_link_to_a_closed_schema_opens_it(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.node.url}/-/docs#get_job")
    expect(page.get_by_text("Get a job, at once, or when it is final or over.")).to_be_visible()
    page.get_by_role("link", name="Job", exact=True).first.click()
    expect(page.locator("#schema-Job")).to_be_in_viewport()


def test_a_phone_shows_the_description_without_scrolling_sideways(
    browser: Browser, node: Node
) -> None:
    with visiting(browser, node, viewport=SMALL_PHONE, has_touch=True) as visit:
        visit.page.goto(f"{node.url}/-/docs")
        visit.page.evaluate(OPEN_ALL)
        expect(visit.page.get_by_text("curl -N")).to_have_count(2)
        assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
