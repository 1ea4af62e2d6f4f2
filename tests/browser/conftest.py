"""A real Chromium over real nodes, driven as a person would.

Tests here are plain functions: what drives the browser has a loop of its own. Every page that a
test opens is watched: an error on the console, a breach of the page's policy or a request to
anywhere but the node fails the test.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    Page,
    Route,
    expect,
    sync_playwright,
)

from tests.support.nodes import Node

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 15_000
expect.set_options(timeout=TIMEOUT_MS)
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file."""
    place = shutil.which("chromium")
    assert place, "the page's tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """Somebody who looks at the dashboard of a node."""

    def __init__(self, context: BrowserContext, node: Node) -> None:
        self.node = node
        self.context = context
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda each: self._hear(each.type, each.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, path: str = "") -> Page:
        """Go to a page: `jobs?uid=ada`."""
        self.page.goto(f"{self.node.url}/-/ui/#/{path}")
        return self.page

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """What a client would get, beside the page."""
        answer = self.context.request.fetch(
            self.node.url + path, method=method, data=None if body is None else body
        )
        return answer.json()

    def submit(self, task: str, data: object = None, *, uid: str) -> Any:  # noqa: ANN401 - JSON
        """The job that was submitted, beside the page."""
        return self.ask("POST", "/", {"uid": uid, "task": task, "data": data})

    def ended(self, job: Any) -> Any:  # noqa: ANN401 - JSON
        """The job once it is final."""
        return self.ask("GET", f"/{job['uid']}/{job['id']}?wait=30")

    def turn(self, *, hidden: bool) -> None:
        """Hide the page, as behind another tab, or show it again."""
        self.page.evaluate(
            """(hidden) => {
                Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    def forgive(self, pattern: str) -> None:
        """Expect complaints like this: the browser logs every answer that is an error."""
        self.complaints = [each for each in self.complaints if not re.search(pattern, each)]

    def check(self) -> None:
        """Nothing was complained about, and nothing was loaded from elsewhere."""
        assert self.complaints == []
        assert [url for url in self.requests if not url.startswith(self.node.url + "/")] == []


class Held:
    """Answers that the node gave and that reach the page only when the test lets them."""

    def __init__(self, page: Page, pattern: re.Pattern[str]) -> None:
        self._page = page
        self._pattern = pattern
        self._answers: list[tuple[Route, APIResponse]] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        self._answers.append((route, route.fetch()))

    def come(self) -> None:
        """Wait until one is held."""
        end = time.monotonic() + TIMEOUT_MS / 1000
        while not self._answers:
            assert time.monotonic() < end, "nothing was asked for"
            self._page.wait_for_timeout(10)

    def let_go(self) -> None:
        """Let the first one reach the page, and wait until the page has drawn it."""
        self.come()
        route, answer = self._answers.pop(0)
        with self._page.expect_response(self._pattern):
            route.fulfill(response=answer)
        drawn(self._page)


def drawn(page: Page) -> None:
    """Wait until the page has drawn what it heard so far."""
    frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    for _ in range(3):
        page.evaluate(frame)


@pytest.fixture
def visit(browser: Browser, node: Node) -> Iterator[Visit]:
    """At the dashboard of the shared node."""
    with visiting(browser, node) as visit:
        yield visit


@contextmanager
def visiting(browser: Browser, node: Node, **how: Any) -> Iterator[Visit]:  # noqa: ANN401
    """A visit with a window, a theme and storage of its own; checked at its end."""
    context = browser.new_context(**how)
    try:
        context.set_default_timeout(TIMEOUT_MS)
        visit = Visit(context, node)
        yield visit
        visit.check()
    finally:
        context.close()


@pytest.fixture
def uid(request: pytest.FixtureRequest) -> str:
    """A user of this test alone."""
    return re.sub(r"\W+", "-", request.node.name)[:60]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The file by which the handler `step` is led."""
    path = tmp_path / "script"
    path.touch()
    return path


def say(script: Path, line: str) -> None:
    """Let the handler `step` go one step further."""
    with script.open("a") as file:
        file.write(f"{line}\n")


def wait_for(path: Path) -> None:
    """Wait until a handler made the file."""
    end = time.monotonic() + TIMEOUT_MS / 1000
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.01)
