"""A real Chromium on real nodes, driven as a user would.

Tests here are plain functions, because Playwright runs an event loop of its own. A test fails if a
page that it opens logs an error on the console, violates the Content-Security-Policy, or sends a
request to anything but the node.
"""

from __future__ import annotations

import re
import time
import zlib
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

from atlanscheduler_client import Client, MadeToken
from tests.support.nodes import Node, Nodes
from tests.support.programs import program

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
    # Of its own accord Chromium lets no page ask loopback that came from elsewhere; others do.
    "--disable-features=LocalNetworkAccessChecks",
)
TIMEOUT_MS = 15_000
expect.set_options(timeout=TIMEOUT_MS)
REFUSED = "401|403|ERR_INCOMPLETE_CHUNKED_ENCODING"
"""What the browser logs of answers to somebody who has not logged in, or who is logged out amid a
stream."""
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a file."""
    executable = program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A browser window on the dashboard of a node."""

    def __init__(self, context: BrowserContext, node: Node) -> None:
        self.node = node
        self.context = context
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda each: self._hear(each.type, each.text))
        self.page.on("pageerror", lambda error: self._hear("error", str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.errors.append(text)

    def open(self, path: str = "") -> Page:
        """Go to a page: `jobs?uid=ada`."""
        self.page.goto(f"{self.node.url}/-/ui/#/{path}")
        return self.page

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """The JSON of a request that is sent without the page."""
        answer = self.context.request.fetch(
            self.node.url + path, method=method, data=None if body is None else body
        )
        return answer.json()

    def submit(self, task: str, data: object = None, *, uid: str) -> Any:  # noqa: ANN401 - JSON
        """Submit a job without the page, and return it."""
        return self.ask("POST", "/", {"uid": uid, "task": task, "data": data})

    def ended(self, job: Any) -> Any:  # noqa: ANN401 - JSON
        """Wait until the job is final, and return it."""
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

    def ignore_errors(self, pattern: str) -> None:
        """Ignore errors that match: the browser logs every response with an error status."""
        self.errors = [each for each in self.errors if not re.search(pattern, each)]

    def check(self) -> None:
        """Check that no errors were logged, and that nothing was loaded from elsewhere."""
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(self.node.url + "/")] == []


class HeldResponses:
    """Responses of the node that reach the page only when the test releases them."""

    def __init__(self, page: Page, pattern: re.Pattern[str]) -> None:
        self._page = page
        self._pattern = pattern
        self._held: list[tuple[Route, APIResponse]] = []
        page.route(pattern, self._hold)

    def _hold(self, route: Route) -> None:
        self._held.append((route, route.fetch()))

    def wait(self) -> None:
        """Wait until a response is held."""
        end = time.monotonic() + TIMEOUT_MS / 1000
        while not self._held:
            assert time.monotonic() < end, "nothing was asked for"
            self._page.wait_for_timeout(10)

    def release(self) -> None:
        """Let the first held response reach the page, and wait until the page has drawn it."""
        self.wait()
        route, answer = self._held.pop(0)
        with self._page.expect_response(self._pattern):
            route.fulfill(response=answer)
        drawn(self._page)


def drawn(page: Page) -> None:
    """Wait until the page has drawn what it has received so far."""
    frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    for _ in range(3):
        page.evaluate(frame)


@pytest.fixture
def visit(browser: Browser, node: Node) -> Iterator[Visit]:
    """A window on the dashboard of the shared node."""
    with visiting(browser, node) as visit:
        yield visit


@contextmanager
def visiting(browser: Browser, node: Node, **how: Any) -> Iterator[Visit]:  # noqa: ANN401
    """A window with a theme and storage of its own; checked for errors at the end."""
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
    """A user that only this test has."""
    name = re.sub(r"\W+", "-", request.node.name)[:52]
    return f"{name}-{zlib.crc32(request.node.name.encode()):x}"  # names may differ in signs only


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The file whose lines make the handler `step` go on."""
    path = tmp_path / "script"
    path.touch()
    return path


def advance(script: Path, line: str) -> None:
    """Make the handler `step` go one step further."""
    with script.open("a") as file:
        file.write(f"{line}\n")


def wait_for(path: Path) -> None:
    """Wait until a handler has created the file."""
    end = time.monotonic() + TIMEOUT_MS / 1000
    while not path.exists():
        assert time.monotonic() < end, f"{path} is not there"
        time.sleep(0.01)


@pytest.fixture(name="asking", scope="module")
def asking_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that asks for tokens."""
    nodes = Nodes(tmp_path_factory.mktemp("asking"))
    try:
        yield nodes(AUTH__MODE="tokens")
    finally:
        nodes.close()


@pytest.fixture(name="admin", scope="module")
def admin_fixture(asking: Node) -> Iterator[Client]:
    """Whoever has the first token."""
    token = (asking.folder / "data" / "admin-token").read_text().strip()
    with Client(asking.url, token=token) as client:
        yield client


@pytest.fixture(name="visitor")
def visitor_fixture(browser: Browser, asking: Node) -> Iterator[Visit]:
    """A window of somebody who has not logged in."""
    with visiting(browser, asking) as visit:
        yield visit
        visit.ignore_errors(REFUSED)


def token(admin: Client, role: str, *uids: str) -> MadeToken:
    return admin.create_token(f"the {role}", role=role, uids=uids)


def log_in(page: Page, text: str) -> None:
    page.get_by_label("Token").fill(text)
    page.get_by_role("button", name="Log in").click()
