"""What axe-core finds on the pages: nothing, in light and dark, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.conftest import PHONE, Visit, advance, visiting, wait_for
from tests.support.effort import variants
from tests.support.nodes import Node

AXE = (Path(__file__).parent / "vendor" / "axe.js").read_text("utf-8")
DESK = {"width": 1280, "height": 900}
LOOKS = variants(
    [
        pytest.param("light", DESK, id="light-desk"),
        pytest.param("dark", PHONE, id="dark-phone"),
    ],
    long=[
        pytest.param("light", PHONE, id="light-phone"),
        pytest.param("dark", DESK, id="dark-desk"),
    ],
)
RUN = "async () => (await axe.run({ resultTypes: ['violations'] })).violations"


def flaws(page: Page) -> list[str]:
    """What axe-core finds, and where."""
    page.evaluate(AXE)
    found: list[Any] = page.evaluate(RUN)
    return [
        f"{page.url}: {each['help']}: {[node['target'] for node in each['nodes'][:3]]}"
        for each in found
    ]


def shown(visit: Visit, path: str) -> list[str]:
    """Go to a page of the dashboard, and look at it once all of it is loaded."""
    page = visit.open(path)
    expect(page.locator("h1").first).to_be_visible()
    expect(page.get_by_label("Loading")).to_have_count(0)
    return flaws(page)


@pytest.fixture
def pages(visit: Visit, uid: str, script: Path, begun: Path) -> Iterator[list[str]]:
    """Paths of all kinds of pages, with jobs of each status and lines of each level."""
    failed = visit.ended(visit.submit("fail", "the reason", uid=uid))
    talked = visit.ended(visit.submit("talk", uid=uid))
    warned = visit.ended(visit.submit("say_to", ["stderr", "ERROR:db:it is away"], uid=uid))
    undone = visit.submit("talk_undo", {"file": str(begun)}, uid=uid)
    wait_for(begun)
    visit.ask("DELETE", f"/{uid}/{undone['id']}?wait=30")
    running = visit.submit("step", {"file": str(script), "total": 2}, uid=uid)
    advance(script, "one")
    jobs = [f"jobs/{uid}/{job['id']}" for job in (failed, talked, warned, undone, running)]
    visit.open(jobs[-1])
    expect(visit.page.get_by_role("log")).to_contain_text("one")
    lists = ["", f"jobs?uid={uid}&status=terminated,running", "jobs?uid=nobody"]
    forms = ["handlers?submit=echo", f"{jobs[0]}?submit=fail&again=yes"]
    yield [*lists, "nodes", "handlers", *forms, "nowhere", *jobs]  # the job that runs is the last
    advance(script, "two")


@pytest.mark.parametrize(("theme", "viewport"), LOOKS)
def test_axe_finds_nothing_on_any_page(
    browser: Browser, node: Node, pages: list[str], theme: str, viewport: ViewportSize
) -> None:
    """Who reads with a screen reader or poor eyes decides, too, whether this is taken."""
    with visiting(browser, node, color_scheme=theme, viewport=viewport) as visit:
        found = [flaw for path in pages for flaw in shown(visit, path)]
        for text in ("Keyboard shortcuts", "Abort …", "Run all again …"):
            visit.open(pages[1] if text.startswith("Run all") else pages[-1])
            visit.page.get_by_role("button", name=text).click()
            expect(visit.page.get_by_role("dialog")).to_be_visible()
            found += flaws(visit.page)
            visit.page.keyboard.press("Escape")
        visit.page.goto(f"{node.url}/-/docs")
        found += flaws(visit.page)
        visit.page.evaluate(
            "for (const each of document.querySelectorAll('details')) each.open = true"
        )
        found += flaws(visit.page)
        assert found == []
