"""A node of ours, used over connections that stay open, as a client would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import aiohttp

from bench.harness.samples import Sample
from bench.jobs.endless import RUN_S
from bench.jobs.process_table import GONE, state
from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Body, Node

HANDLERS: Final = Path(__file__).parent / "handlers"
WAIT_S: Final = 30
"""How long an abort may take, and a job to end."""
START_S: Final = 60.0
"""How long a job may take to start."""
BULK: Final = 1000
OPEN_S: Final = 3600.0
"""How long an idle connection stays open."""


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job whose handler runs."""

    id: str
    mark: str
    pid: int
    """The process that runs it."""


class OurNode:
    """A node, and an HTTP client for it."""

    def __init__(self, node: Node, session: aiohttp.ClientSession, folder: Path) -> None:
        self.url = node.url
        self.session = session
        self._node = node
        self.folder = folder

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Body]:
        """One request; the status and the JSON of the answer."""
        async with self.session.request(method, self.url + path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def submit(self, task: str, data: object = None) -> Body:
        """Submit a job."""
        status, job = await self.call("POST", "/", {"uid": "bench", "task": task, "data": data})
        assert status == 202, job
        return job

    async def submit_all(self, jobs: Sequence[Body]) -> None:
        """Submit jobs, in as few requests as possible."""
        for begin in range(0, len(jobs), BULK):
            status, answer = await self.call("POST", "/", jobs[begin : begin + BULK])
            assert status == 202, answer

    async def start_job(self, task: str) -> RunningJob:
        """Submit a job and wait until its handler runs."""
        mark = uuid4().hex
        file = self.folder / mark
        job = await self.submit(task, {"file": str(file), "mark": mark})
        await eventually(file.exists, within_s=START_S, saying=f"a {task} job begins")
        await asyncio.sleep(RUN_S)
        return RunningJob(job["id"], mark, int(file.read_text()))

    async def job(self, job_id: str, *, wait_s: float = 0) -> Body:
        """The job; with `wait_s`, once it is final."""
        status, job = await self.call("GET", f"/bench/{job_id}?wait={wait_s}")
        assert status == 200, job
        return job

    async def abort(self, job: RunningJob) -> Sample:
        """Abort a job without a grace period; timed until the response that proves its death."""
        sent_at = time.monotonic()
        status, answer = await self.call("DELETE", f"/bench/{job.id}?grace_s=0&wait={WAIT_S}")
        ms = (time.monotonic() - sent_at) * 1000
        assert (status, answer["status"]) == (200, "aborted"), answer
        assert state(job.pid) in GONE, f"{job.pid} is still there"
        return Sample(ms=ms, receipt_ms=answer["abort"]["latency_ms"])

    @property
    def log(self) -> str:
        """What it logged so far."""
        return self._node.log

    def processes(self) -> Sequence[int]:
        """The ids of all processes that it started, and its own."""
        return self._node.processes()

    async def run_noops(self, jobs: int) -> None:
        """Run this many no-op jobs, and wait until only their rows are left."""
        await self.submit_all([{"uid": "exercise", "task": "noop"}] * jobs)
        await eventually(self._noops_done, within_s=START_S)
        await self._node.alone()

    async def _noops_done(self) -> bool:
        _, left = await self.call("GET", "/exercise?status=queued,running&limit=1")
        return not left

    async def connect(self, connections: int) -> None:
        """Open this many connections."""
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self.call("GET", "/-/health"))


@asynccontextmanager
async def open_node(
    folder: Path, program: Path = ROOT / "main.py", /, **settings: object
) -> AsyncIterator[OurNode]:
    """A node while the block runs: `NODE__WORKERS=4` sets `[node] workers`."""
    settings = {"HANDLERS__PATH": HANDLERS, **settings}
    node = await asyncio.to_thread(Node, folder, settings, program=program)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=OPEN_S)
    timeout = aiohttp.ClientTimeout(2 * WAIT_S)
    token = settings.get("AUTH__ADMIN_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=headers
        ) as session:
            yield OurNode(node, session, folder)
    finally:
        node.close()
