"""What a user uses of its quota, beside the user's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit, visiting
from tests.support.nodes import Node, Nodes


@pytest.fixture(name="limited", scope="module")
def limited_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a quota for one user."""
    nodes = Nodes(tmp_path_factory.mktemp("limited"))
    try:
        quotas = (
            '{"ada" = {queued_max = 2, submits_per_s = 50}, "eve" = {running_max = 1, weight = 2}}'
        )
        yield nodes(QUOTAS=quotas, NODE__WORKERS=1)
    finally:
        nodes.close()


@pytest.fixture(name="visitor")
def visitor_fixture(browser: Browser, limited: Node) -> Iterator[Visit]:
    """A window on that node."""
    with visiting(browser, limited) as visit:
        yield visit


def fill(visitor: Visit, number: int, folder: Path) -> Any:  # noqa: ANN401 - JSON
    """Submit jobs of one user that do not end by themselves, and return the last one."""
    for _ in range(number):
        job = visitor.submit("wait", {"file": str(folder / "file")}, uid="ada")
    return job


def test_use_and_limits_are_shown_where_a_quota_fits(visitor: Visit, tmp_path: Path) -> None:
    """It changes as the list beside it does; for others there is nothing to say."""
    page = visitor.open("jobs?uid=ada")
    expect(
        page.get_by_text("0 of at most 2 queued · 0 running · at most 50 jobs a")
    ).to_be_visible()
    fill(visitor, 1, tmp_path)
    expect(page.get_by_text("0 of at most 2 queued · 1 running")).to_be_visible()
    last = fill(visitor, 2, tmp_path)
    expect(page.get_by_text("2 of at most 2 queued: further ones are refused")).to_be_visible()
    visitor.ask("DELETE", f"/ada/{last['id']}?wait=30")
    expect(page.get_by_text("1 of at most 2 queued · 1 running")).to_be_visible()
    visitor.open("jobs?uid=bob")
    expect(page.get_by_text("No job matches")).to_be_visible()
    expect(page.get_by_text("of at most")).to_have_count(0)
    visitor.ask("DELETE", "/ada")


def test_what_waits_for_another_job_of_its_user_says_so(visitor: Visit, tmp_path: Path) -> None:
    """However many slots are free: nothing else on the page would say why it does not begin."""
    file = {"file": str(tmp_path / "file")}
    first, second = [visitor.submit("wait", file, uid="eve") for _ in range(2)]
    page = visitor.open("jobs?uid=eve")
    line = "1 queued · 1 of at most 1 running: further ones wait · weight 2"
    expect(page.get_by_text(line)).to_be_visible()
    visitor.open(f"jobs/eve/{second['id']}")
    expect(page.get_by_text("another job of its user to end")).to_be_visible()
    visitor.ask("DELETE", f"/eve/{second['id']}")
    visitor.ask("DELETE", f"/eve/{first['id']}?wait=30")


def test_a_job_too_many_is_refused_in_words(visitor: Visit, tmp_path: Path) -> None:
    """Whoever submits by the page reads which limit it is, and keeps what was typed."""
    running = fill(visitor, 1, tmp_path)
    visitor.ask("GET", f"/ada/{running['id']}")
    page = visitor.open("jobs?uid=ada")
    expect(page.get_by_text("1 running")).to_be_visible()
    fill(visitor, 2, tmp_path)
    visitor.open("handlers?submit=echo")
    page.get_by_label("User").fill("ada")
    page.get_by_role("button", name="Submit", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("has 2 queued jobs, and 1 more would be")
    visitor.ignore_errors("429")
    visitor.ask("DELETE", "/ada")
