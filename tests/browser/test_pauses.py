"""Pauses on the dashboard: begin one, see who is paused and why, and resume."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import flaws


@pytest.fixture(autouse=True)
def resumed(visit: Visit) -> Iterator[None]:
    """Other tests use the same node."""
    yield
    for pause in visit.ask("GET", "/-/pauses"):
        visit.ask("DELETE", f"/-/pauses/{pause['kind']}/{pause['name']}")


def test_a_user_is_paused_and_resumed_by_forms(visit: Visit, uid: str) -> None:
    page = visit.open("pauses")
    expect(page.get_by_role("heading", name="Nothing is paused")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("What").select_option("uid")
    page.get_by_label("Name").fill(uid)
    page.get_by_label("Reason").fill("repair <b>")
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()

    row = page.get_by_role("row").filter(has_text=uid)
    expect(row).to_contain_text("repair <b>")
    assert flaws(page) == []
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo"})
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.locator("dl.names")).to_contain_text(f"a pause of the user {uid}: repair <b>")
    assert visit.ask("GET", f"/{uid}/{job['id']}")["status"] == "queued"

    page = visit.open("pauses")
    page.get_by_role("button", name=f"Resume the user {uid}").click()
    expect(page.get_by_role("heading", name="Nothing is paused")).to_be_visible()
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")


def test_each_page_says_that_a_node_is_paused(visit: Visit, uid: str) -> None:
    """One that is paused looks like one that idles."""
    (node,) = visit.ask("GET", "/-/nodes")
    visit.ask("PUT", f"/-/pauses/node/{node['name']}", {"reason": "repair"})
    job = visit.ask("POST", "/", {"uid": uid, "task": "echo"})

    page = visit.open("overview")
    expect(page.get_by_text("A node is paused")).to_be_visible()
    page = visit.open("nodes")
    expect(page.locator("article.card")).to_contain_text("repair")
    assert flaws(page) == []
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)

    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_role("heading", name="echo")).to_contain_text("successful")
