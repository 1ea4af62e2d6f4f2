"""Pages update by themselves, and say so if the node is away."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import TIMEOUT_MS, Visit, advance, visiting
from tests.support.nodes import Nodes

AT_ONCE_MS = 5000
"""Shorter than the interval at which a page loads its data again without an event."""


def test_the_list_follows_what_happens(visit: Visit, uid: str, script: Path) -> None:
    page = visit.open(f"jobs?uid={uid}")
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()

    visit.submit("step", {"file": str(script), "total": 2}, uid=uid)
    row = page.locator("table.jobs tbody tr")
    expect(row).to_contain_text("running")
    advance(script, "one")
    expect(row).to_contain_text("50 %")
    advance(script, "two")
    expect(row).to_contain_text("successful")


@pytest.mark.parametrize("path", ["", "jobs", "job"])
def test_progress_comes_by_an_event_and_not_by_asking_again(
    visit: Visit, uid: str, script: Path, path: str
) -> None:
    """Polling is only the fallback: with a thousand open pages it would be too much load."""
    job = visit.submit("step", {"file": str(script), "total": 4}, uid=uid)
    advance(script, "one")
    page = visit.open(f"jobs/{uid}/{job['id']}" if path == "job" else path)
    shown = page.locator(".progress" if path == "job" else f"tr:has-text('{uid}') .progress")
    expect(shown).to_contain_text("25 %")

    page.route(re.compile(f"-/jobs|{job['id']}$"), lambda _: None)  # never answered
    advance(script, "two")
    expect(shown).to_contain_text("50 %")
    for line in ("three", "four"):
        advance(script, line)
    visit.ended(job)


def test_the_calls_of_a_hook_follow_what_happens(visit: Visit, uid: str, script: Path) -> None:
    """A user who wants to know whether a hook was delivered looks at the page when the job ends."""
    data = {"file": str(script), "total": 1}
    order = {"uid": uid, "task": "step", "data": data, "hook": "http://127.0.0.1:1/"}
    job = visit.ask("POST", "/", order)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_text("None so far.")).to_be_visible()

    advance(script, "one")
    expect(page.locator(".calls li")).to_contain_text(
        re.compile(r"\d tr(y|ies)"), timeout=AT_ONCE_MS
    )


def test_the_overview_follows_what_happens(visit: Visit, uid: str, script: Path) -> None:
    page = visit.open()
    visit.submit("step", {"file": str(script), "total": 1}, uid=uid)
    row = page.locator("table.jobs tbody tr").filter(has_text=uid)
    expect(row).to_contain_text("running")
    advance(script, "one")
    expect(row).to_contain_text("successful")


def test_a_node_that_dies_is_reported_and_its_return_is_noticed(
    browser: Browser, start_node: Nodes, script: Path
) -> None:
    """Outdated numbers that look live are worse than none."""
    node = start_node()
    with visiting(browser, node) as visit:
        job = visit.submit("step", {"file": str(script), "total": 1}, uid="ada")
        page = visit.open(f"jobs/ada/{job['id']}")
        expect(page.get_by_role("heading", name="step")).to_contain_text("running")
        expect(page.locator(".line")).to_have_text("live")

        node.kill()
        expect(page.get_by_role("alert")).to_contain_text("The node does not answer.")
        expect(page.locator(".line")).to_have_text("disconnected")
        expect(page.get_by_role("heading", name="step")).to_contain_text("running")

        start_node(HTTP__PORT=node.url.rpartition(":")[2])
        expect(page.locator(".line")).to_have_text("live")
        expect(page.get_by_role("alert")).to_have_count(0)
        advance(script, "done")
        expect(page.get_by_role("heading", name="step")).to_contain_text("successful")
        visit.ignore_errors("ERR_")


def test_a_node_that_hangs_is_reported_as_well(browser: Browser, start_node: Nodes) -> None:
    """A connection to a node that is stopped, or cut off by the network, does not break."""
    node = start_node()
    with visiting(browser, node) as visit:
        page = visit.open("jobs")
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()

        node.signal(signal.SIGSTOP)
        expect(page.locator(".line")).to_have_text("disconnected", timeout=TIMEOUT_MS * 2)

        node.signal(signal.SIGCONT)
        expect(page.locator(".line")).to_have_text("live")
        visit.ignore_errors("ERR_")
