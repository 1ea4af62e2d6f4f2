"""The dashboard behind nginx that says who asks: nobody logs in a second time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visit
from tests.integration.users.test_proxy_users import SETTINGS
from tests.support.nodes import Node, Nodes
from tests.support.servers.fronts import in_front


@pytest.fixture(name="behind", scope="module")
def behind_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that nginx serves below /jobs, as it is reached through nginx."""
    folder = tmp_path_factory.mktemp("proxied")
    nodes = Nodes(folder)
    try:
        node = nodes(**SETTINGS)
        with in_front("users", folder, behind=node.url, path="/jobs") as url:
            behind = copy(node)
            behind.url = url
            yield behind
    finally:
        nodes.close()


@contextmanager
def visiting_as(browser: Browser, node: Node, user: str) -> Iterator[Visit]:
    context = browser.new_context(http_credentials={"username": user, "password": user})
    try:
        visit = Visit(context, node)
        yield visit
        visit.check()
    finally:
        context.close()


def test_who_is_known_to_the_proxy_uses_the_page_at_once(
    browser: Browser, behind: Node, tmp_path: Path
) -> None:
    """What happens comes live, and an abort by a button works."""
    with visiting_as(browser, behind, "bob") as visit:
        job = visit.submit("talk_until", {"file": str(tmp_path / "end")}, uid="team-a.bob")
        page = visit.open(f"jobs/team-a.bob/{job['id']}")
        expect(page.get_by_role("heading", name="talk_until")).to_contain_text("running")
        page.get_by_role("button", name="Abort …").click()
        page.get_by_role("dialog").get_by_role("button", name="Abort").click()
        expect(page.get_by_role("heading", name="talk_until")).to_contain_text("aborted")
        for name in ("Log in", "Log out"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        assert visit.ended(job)["abort"]["by"] == "bob"


def test_the_page_offers_what_the_groups_allow(browser: Browser, behind: Node) -> None:
    """An operator sees all; one of a team does not see the nodes."""
    with visiting_as(browser, behind, "ada") as visit:
        page = visit.open()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    with visiting_as(browser, behind, "bob") as visit:
        page = visit.open()
        expect(page.get_by_text("You act for bob, team-a.*")).to_be_visible()
        expect(page.get_by_role("link", name="nodes", exact=True)).to_have_count(0)
