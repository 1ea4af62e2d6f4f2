"""Late responses, as over a slow network, do not undo what the page already shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import HeldResponses, Visit, advance


def test_an_old_answer_does_not_take_back_how_a_job_ended(
    visit: Visit, uid: str, script: Path
) -> None:
    job = visit.submit("step", {"file": str(script), "total": 1}, uid=uid)
    page = visit.open(f"jobs/{uid}/{job['id']}")
    heading = page.locator("h1")
    expect(heading).to_contain_text("running")
    held = HeldResponses(page, re.compile(f"{job['id']}$"))
    visit.turn(hidden=False)  # so that it is loaded again
    held.wait()

    advance(script, "done")
    expect(heading).to_contain_text("successful")
    page.evaluate(
        """() => {
            window.headings = [];
            const look = () => window.headings.push(document.querySelector("h1").textContent);
            new MutationObserver(look).observe(document.querySelector("main"),
                { subtree: true, childList: true, characterData: true });
        }"""
    )
    held.release()
    held.release()
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    assert [each for each in page.evaluate("headings") if "running" in each] == []


def test_earlier_progress_does_not_change_a_job_that_has_ended(
    visit: Visit, uid: str, script: Path
) -> None:
    job = visit.submit("step", {"file": str(script), "total": 4}, uid=uid)
    told = 'retry: 600000\nevent: progress\ndata: {"progress": {"done": 1, "total": 4}}\n\n'
    visit.page.route(
        "**/events", lambda route: route.fulfill(body=told, content_type="text/event-stream")
    )
    page = visit.open(f"jobs/{uid}/{job['id']}")
    expect(page.get_by_text("25 %")).to_be_visible()
    held = HeldResponses(page, re.compile(f"{job['id']}$"))
    for line in ("one", "two", "three", "four"):
        advance(script, line)
    visit.ended(job)

    with page.expect_response("**/events"):
        visit.turn(hidden=False)
    held.release()
    expect(page.get_by_text("Last progress")).to_be_visible()
    expect(page.get_by_text("100 %")).to_be_visible(timeout=1000)


@pytest.mark.parametrize("path", ["", "jobs"])
def test_an_old_list_is_shown_with_what_happened_since(
    visit: Visit, uid: str, script: Path, path: str
) -> None:
    """Events may arrive during every load: waiting for a quiet one could mean waiting for ever."""
    job = visit.submit("step", {"file": str(script), "total": 4}, uid=uid)
    advance(script, "one")
    page = visit.open(path)
    progress = page.locator(f"tr:has-text('{uid}') .progress")
    expect(progress).to_contain_text("25 %")
    held = HeldResponses(page, re.compile("-/jobs"))
    visit.turn(hidden=False)
    held.wait()

    advance(script, "two")
    expect(progress).to_contain_text("50 %")
    held.release()
    expect(progress).to_contain_text("50 %", timeout=1)

    for line in ("three", "four"):
        advance(script, line)
    visit.ended(job)


def test_the_data_of_another_job_do_not_replace_what_is_typed(visit: Visit, uid: str) -> None:
    job = visit.ended(visit.submit("echo", [1], uid=uid))
    held = HeldResponses(visit.page, re.compile(f"{job['id']}$"))
    page = visit.open(f"jobs/{uid}/{job['id']}?submit=echo&again=yes")
    held.wait()
    expect(page.get_by_label("Data")).to_be_disabled()

    held.release()  # the page asks for the job as well
    held.release()
    expect(page.get_by_label("Data")).to_be_enabled()
    expect(page.get_by_label("Data")).to_have_value("[\n  1\n]")
