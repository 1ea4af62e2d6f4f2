"""What a page of another web site can do to a node, tried in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.browser.conftest import TIMEOUT_MS, Visit
from tests.support.nodes import Node

SUBMIT = """async ([url, mode, type]) => {
    const answer = await fetch(url, {
        method: "POST", mode, headers: {"Content-Type": type},
        body: JSON.stringify({uid: "stolen", task: "echo"}),
    });
    return [answer.type, answer.status, await answer.text()];
}"""
FORM = """(url) => {
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", action: url, enctype: "text/plain"});
    const field = document.createElement("input");
    Object.assign(field, {name: '{"uid": "stolen", "task": "echo", "data": "', value: '"}'});
    form.append(field);
    document.body.append(form);
    form.submit();
}"""


@pytest.fixture(name="page")
def page_fixture(browser: Browser) -> Iterator[Page]:
    """A window of somebody who visits other sites."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()


def visit_site(page: Page, url: str) -> None:
    """Open a page that another server has sent."""
    page.route(url, lambda route: route.fulfill(body="<body>", content_type="text/html"))
    page.goto(url)


@pytest.fixture(name="rebound")
def rebound_fixture(page: Page, node: Node) -> str:
    """The URL of a site whose name leads to the node once its page is there."""
    url = f"http://evil.example:{urlsplit(node.url).port}"  # FLAGS has the name lead to loopback
    visit_site(page, f"{url}/page")
    return url


@pytest.fixture(name="other")
def other_fixture(page: Page) -> None:
    """A page of another server on the same machine."""
    visit_site(page, "http://127.0.0.1:9/page")


def test_a_page_that_rebinds_its_name_is_told_nothing(
    page: Page, rebound: str, visit: Visit
) -> None:
    """For the browser the node is the page's own server: nothing else stands between them."""
    kind, status, text = page.evaluate(SUBMIT, [f"{rebound}/", "cors", "application/json"])
    assert (kind, status) == ("basic", 421)
    assert json.loads(text)["type"] == "urn:atlanscheduler:problem:misdirected"
    read = page.evaluate("async (url) => (await fetch(url)).status", f"{rebound}/-/overview")
    assert read == 421
    opened = page.goto(f"{rebound}/-/ui/")
    assert opened is not None
    assert opened.status == 421
    assert visit.ask("GET", "/stolen") == []


@pytest.mark.usefixtures("other")
def test_a_page_of_another_server_cannot_submit(page: Page, node: Node, visit: Visit) -> None:
    """A form and a plain `fetch` need no permission of the node to be sent."""
    with pytest.raises(Error, match="Failed to fetch"):  # it was sent, and the answer is kept back
        page.evaluate(SUBMIT, [f"{node.url}/", "no-cors", "text/plain"])
    with page.expect_response(f"{node.url}/") as answered:
        page.evaluate(FORM, f"{node.url}/")
    assert answered.value.status == 403
    assert visit.ask("GET", "/stolen") == []


@pytest.mark.usefixtures("other")
def test_a_page_of_another_server_cannot_abort(
    page: Page, node: Node, visit: Visit, uid: str, script: Path
) -> None:
    """The browser asks the node first, whose answer allows nothing."""
    job = visit.submit("step", {"file": str(script), "total": 1}, uid=uid)
    with pytest.raises(Error, match="Failed to fetch"):
        page.evaluate("(url) => fetch(url, {method: 'DELETE'})", f"{node.url}/{uid}/{job['id']}")
    assert visit.ask("GET", f"/{uid}/{job['id']}")["status"] in ("queued", "running")
    visit.ask("DELETE", f"/{uid}")


@pytest.mark.usefixtures("other")
def test_a_page_of_another_server_cannot_read_or_frame(page: Page, node: Node) -> None:
    """Neither jobs nor the dashboard, on whose buttons a person could be made to click."""
    for mode in ("cors", "no-cors"):
        read = "async ([url, mode]) => (await (await fetch(url, {mode})).text())"
        with pytest.raises(Error, match="Failed to fetch"):
            page.evaluate(read, [f"{node.url}/-/overview", mode])
    page.evaluate(
        """(url) => new Promise((loaded) => {
            const frame = document.createElement("iframe");
            Object.assign(frame, {src: url, onload: loaded});
            document.body.append(frame);
        }).then(() => null)""",
        f"{node.url}/-/ui/",
    )
    assert page.frames[1].locator("main").count() == 0
