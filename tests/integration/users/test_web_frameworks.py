"""The apps of docs/web-frameworks.md: real servers, many people who press buttons, real jobs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.support.effort import rounds
from tests.support.nodes import ROOT, Node, Nodes
from tests.support.pages.readme import blocks
from tests.support.servers.ports import free_port

GUNICORN: Final = ("gunicorn", "--config", "settings.py", "--preload", "reports:app")
SERVERS: Final = {
    "Flask": GUNICORN,
    "FastAPI": ("uvicorn", "--port", "0", "reports:app"),
    "Django": GUNICORN,
}
APPS: Final = {
    name: block.text
    for name, block in zip(
        SERVERS,
        (
            each
            for each in blocks((ROOT / "docs/web-frameworks.md").read_text(encoding="utf-8"))
            if each.language == "python"
        ),
        strict=True,
    )
}
SETTINGS: Final = """
import contextlib, sys
from concurrent.futures import ThreadPoolExecutor
bind, workers, threads = "127.0.0.1:0", 2, 8

def when_ready(_):  # the client has connections when the workers are forked
    reports = sys.modules["reports"]
    with (
        contextlib.suppress(reports.Problem, reports.Unreachable),
        ThreadPoolExecutor(threads) as calls,
    ):
        list(calls.map(lambda _: reports.scheduler.tasks(), range(8 * threads)))
"""
READY: Final = re.compile(r"(?:Listening at:|running on) (http://[\d.]+:\d+)")
PEOPLE: Final = 8
JOBS_OF_EACH: Final = rounds(2, long=5)
FORM: Final = re.compile(
    r'<form method="post" action="([^"]+)">(.*?)<button>(\w+)</button>', flags=re.DOTALL
)
HIDDEN: Final = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]+)">')


class Browser:
    """What a person uses: it keeps cookies, follows redirects, and sends forms."""

    def __init__(self, url: str, user: str) -> None:
        self._url, self._user = url, user
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.path, self.page = "", ""

    def open(self, path: str, fields: Mapping[str, str] | None = None) -> str:
        body = None if fields is None else urlencode(fields).encode()
        request = Request(self._url + path, body, {"X-User": self._user})  # noqa: S310 - http
        with self._opener.open(request, timeout=60) as answer:
            self.path, self.page = answer.url.removeprefix(self._url), answer.read().decode()
        return self.page

    def buttons(self) -> dict[str, tuple[str, str]]:
        """Each button's address and the form it is in."""
        return {name: (address, form) for address, form, name in FORM.findall(self.page)}

    def press(self, button: str) -> str:
        address, form = self.buttons()[button]
        return self.open(address, dict(HIDDEN.findall(form)))

    def refusal(self, path: str) -> tuple[int, str]:
        with pytest.raises(HTTPError) as refused:
            self.open(path)
        with refused.value as answer:
            return answer.code, answer.read().decode()


class Refusing(BaseHTTPRequestHandler):
    """Stands for a node: answers each request with the status that is the job's id.

    With `-other` behind it, as another server would.
    """

    def do_GET(self) -> None:
        asked = re.match(r"/ada/(\d+)(-other)?", self.path)
        kind = "no-such-job" if asked and asked[1] == "404" else "any"
        problem = json.dumps({"type": f"urn:atlanscheduler:problem:{kind}"}).encode()
        body = b"" if asked is None or asked[2] else problem
        self.send_response(int(asked[1]) if asked else 503)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def refusing_node(port: int) -> Iterator[None]:
    """One at this port."""
    with ThreadingHTTPServer(("127.0.0.1", port), Refusing) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@contextmanager
def running_app(framework: str, folder: Path, node_url: str) -> Iterator[str]:
    """The app as its page says to run it; its URL."""
    (folder / "reports.py").write_text(APPS[framework])
    (folder / "settings.py").write_text(SETTINGS)
    environment = {
        **os.environ,
        "ATLANSCHEDULER_URL": node_url,
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "SECRET_KEY": "only for this test",
    }
    with subprocess.Popen(
        [sys.executable, "-m", *SERVERS[framework]],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = ""
        while (ready := READY.search(said)) is None:
            said += (line := process.stderr.readline())
            assert line, said
        try:
            yield ready[1]
        finally:
            process.terminate()
            process.communicate(timeout=60)


@pytest.fixture(name="node", scope="module")
def node_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    nodes = Nodes(tmp_path_factory.mktemp("examples"))
    try:
        yield nodes(HANDLERS__PATH=ROOT / "handlers")
    finally:
        nodes.close()


@pytest.mark.parametrize("framework", SERVERS)
async def test_many_people_start_and_cancel_jobs(
    framework: str, node: Node, tmp_path: Path
) -> None:
    """One client serves all threads of a process, also where the processes were forked after it."""
    with running_app(framework, tmp_path, node.url) as url, ThreadPoolExecutor(PEOPLE) as threads:
        people = [f"{framework}-{number}" for number in range(PEOPLE)]
        for paths in threads.map(lambda user: start_and_cancel(Browser(url, user)), people):
            assert len(set(paths)) == JOBS_OF_EACH
    await all_were_aborted(node, people)


def start_and_cancel(person: Browser) -> list[str]:
    """Press the buttons; the paths of the jobs."""
    return [start_and_cancel_one(person) for _ in range(JOBS_OF_EACH)]


def start_and_cancel_one(person: Browser) -> str:
    person.open("/")
    assert re.search("task1 is (queued|running)", person.press("Start"))
    page = person.press("Cancel")
    assert "task1 is aborted" in page
    assert not person.buttons()
    return person.path


async def all_were_aborted(node: Node, people: list[str]) -> None:
    for user in people:
        _, jobs = await node.call("GET", f"/{user}")
        assert [job["status"] for job in jobs] == ["aborted"] * JOBS_OF_EACH
        assert {job["abort"]["reason"] for job in jobs} == {"cancelled by its user"}
        assert {job["abort"]["survivors"] for job in jobs} == {0}


class Lonely(NamedTuple):
    """An app whose node is away, and the port at which it looks for one."""

    url: str
    node_port: int


@pytest.fixture(name="lonely", scope="module", params=SERVERS)
def lonely_fixture(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lonely]:
    folder, port = tmp_path_factory.mktemp("lonely"), free_port()
    with running_app(request.param, folder, f"http://127.0.0.1:{port}") as url:
        yield Lonely(url, port)


def test_each_error_of_the_client_becomes_an_answer(lonely: Lonely) -> None:
    """A person sees what it is about; a mistake of the app is in the app's log."""
    with refusing_node(lonely.node_port):
        person = Browser(lonely.url, "ada")
        asked = ("404", "404-other", "429-other", "503", "400")
        answers = {job_id: person.refusal(f"/jobs/{job_id}") for job_id in asked}
    assert {job_id: answer for job_id, (answer, _) in answers.items()} == {
        "404": 404,
        "404-other": 503,
        "429-other": 429,
        "503": 503,
        "400": 500,
    }
    assert "Too Many Requests" in answers["429-other"][1]


def test_a_scheduler_that_is_away_is_a_503(lonely: Lonely) -> None:
    """The rest of the app goes on."""
    person = Browser(lonely.url, "ada")
    assert person.refusal("/jobs/1") == (503, "The scheduler is away")
    assert "Start" in person.open("/")
