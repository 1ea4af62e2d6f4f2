"""Real nodes for tests: `python main.py` in a process of its own, used over HTTP.

    node         one for the session, with two workers and an embedded queue: for harmless tests
    own_node     one for the tests of a file that count its processes; each test leaves none behind
    lone_node    the same with one worker: each job follows in the same process, or its successor
    start_node   starts nodes for one test, which may kill, drain and configure them

The processes that a node leaves running are found by an environment variable of the tests, which
all its processes inherit, and not by the product's own code.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import aiohttp
import pytest

from tests.support.eventually import LOOK_S, eventually
from tests.support.forking.client import ForkedProcess, forked_node
from tests.support.process_table import bearers, command_of, members, zombies

ROOT = Path(__file__).parents[2]
HANDLERS = ROOT / "tests" / "handlers"
START_S = 60.0
END_S = 60.0

Body = Any
Launch = Callable[
    [Path, Path, Mapping[str, str], IO[bytes]], "ForkedProcess | subprocess.Popen[str]"
]
"""Starts a program in a folder, with an environment and a log."""


def executed(
    program: Path, folder: Path, environment: Mapping[str, str], log: IO[bytes]
) -> subprocess.Popen[str]:
    """`python main.py`, as users start it."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(program)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


class Node:
    """A running node."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, object],
        *,
        program: Path = ROOT / "main.py",
        environment: Mapping[str, str] | None = None,
        launch: Launch = executed,
    ) -> None:
        self.folder = folder
        self.workers = int(str(settings.get("NODE__WORKERS", 2)))
        self.trial = uuid4().hex
        self.said_first: list[str] = []
        """What it said before it was ready."""
        self.token: str | None = None
        """What requests bring."""
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "node.log").open("ab") as log:
            self.process = launch(
                program, folder, {**self._environment(settings), **(environment or {})}, log
            )
        self.url = self._url()

    @property
    def log(self) -> str:
        return (self.folder / "node.log").read_text()

    async def call(
        self, method: str, path: str, body: Body = None, *, timeout_s: float = 30
    ) -> tuple[int, Body]:
        """Send a request; the status and the JSON of the answer."""
        timeout = aiohttp.ClientTimeout(timeout_s)
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def submit(self, task: str, data: object = None, **more: object) -> Body:
        status, job = await self.call(
            "POST", "/", {"uid": "u1", "task": task, "data": data, **more}
        )
        assert status == 202, job
        return job

    async def job(self, job: Body, *, wait_s: float = 0) -> Body:
        path = f"/{job['uid']}/{job['id']}?wait={wait_s}"
        status, found = await self.call("GET", path, timeout_s=wait_s + 30)
        assert status == 200, found
        return found

    async def outcome(self, task: str, data: object = None, **more: object) -> Body:
        """Submit a job and return it once it is final."""
        job = await self.job(await self.submit(task, data, **more), wait_s=30)
        assert job["finished_at"] is not None, job
        return job

    async def abort(self, job: Body, query: str = "wait=30") -> tuple[int, Body]:
        return await self.call("DELETE", f"/{job['uid']}/{job['id']}?{query}", timeout_s=60)

    def signal(self, signal_: signal.Signals) -> None:
        self.process.send_signal(signal_)

    def ended(self) -> int:
        """Wait for the end of the node's own process; its exit status."""
        return self.process.wait(END_S)

    def drain(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ended()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(END_S)

    def processes(self) -> list[int]:
        """Every process that this node or a job of it started and that exists, zombies too."""
        return bearers(self.trial)

    def members(self) -> list[int]:
        """The same, and those whose environment a job cleared."""
        return members(self.trial)

    def zombies(self) -> list[int]:
        """Those that have ended and are not reaped yet."""
        return zombies(self.trial)

    async def alone(self, *, but: int = 0) -> None:
        """Wait until only the processes run that the node itself needs.

        These are the node, the warden, the fork server and its resource tracker, the embedded queue
        (without one, `but` is 1), a pool process for each worker, and a spare.
        """
        own = 5 + self.workers + 1 - but
        try:
            await eventually(lambda: len(self.processes()) == own)
        except AssertionError as late:
            there = "\n".join(f"{pid}: {command_of(pid)}" for pid in self.processes())
            raise AssertionError(f"{own} processes are its own, and there are:\n{there}") from late

    async def gone(self, *, within_s: float = END_S) -> None:
        """Wait until none of its processes is left."""
        await eventually(lambda: not self.processes(), within_s=within_s, saying="nothing runs")

    def close(self) -> None:
        """End it in whatever state it is, and its jobs."""
        self.kill()
        while left := self.members():
            for pid in left:
                with suppress(ProcessLookupError):  # the warden may end it first
                    os.kill(pid, signal.SIGKILL)
            time.sleep(LOOK_S)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        defaults = {
            "HTTP__PORT": 0,
            "NODE__WORKERS": 2,
            "NODE__DATA_DIR": self.folder / "data",
            "HANDLERS__PATH": HANDLERS,
            "HANDLERS__FILES_DIR": self.folder / "files",
        }
        overrides = {
            f"SCHEDULER_{key}": str(each) for key, each in {**defaults, **settings}.items()
        }
        clean = {key: each for key, each in os.environ.items() if not key.startswith("SCHEDULER_")}
        return {**clean, **overrides, "TRIAL": self.trial}

    def _url(self) -> str:
        """The URL in its ready line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        while line.startswith("the first token"):
            self.said_first.append(line)
            line = self.process.stdout.readline()
        self.ready_line = line
        found = re.search(r"ready on (https?://[^\s,]+), dashboard \1/-/ui/ ", line)
        if found is None:
            status = self.ended()
            self.close()
            raise AssertionError(f"not ready, exit status {status}: {line!r}\n{self.log}")
        return found[1]


class Nodes:
    """Starts nodes, and ends all their processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Node] = []

    def __call__(self, folder: str = "node", **settings: object) -> Node:
        """Start a node: `NODE__WORKERS=4` sets `[node] workers`."""
        return self.start(folder, settings)

    def start(
        self, folder: str, settings: Mapping[str, object], *, program: Path | None = None
    ) -> Node:
        """Start a node, or a program of the test's that runs one."""
        if program is None:
            node = Node(self._folder / folder, settings, launch=forked_node)
        else:
            node = Node(self._folder / folder, settings, program=program)
        self._started.append(node)
        return node

    def close(self) -> None:
        """End all of them: the nodes first, or one would run the jobs of another again."""
        for node in self._started:
            node.kill()
        for node in self._started:
            node.close()


@pytest.fixture(name="start_node")
def start_node_fixture(tmp_path: Path) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path)
    yield nodes
    nodes.close()


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    nodes = Nodes(tmp_path_factory.mktemp("shared"))
    try:
        node = nodes()
        yield node
        assert node.drain() == 0, node.log
    finally:
        nodes.close()


@pytest.fixture(scope="module")
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    nodes = Nodes(tmp_path_factory.mktemp("own"))
    try:
        yield nodes()
    finally:
        nodes.close()


@pytest.fixture(scope="module")
def lone_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    nodes = Nodes(tmp_path_factory.mktemp("lone"))
    try:
        yield nodes(NODE__WORKERS=1)
    finally:
        nodes.close()
