"""An abort is not delayed by busy slots, by requests, or by jobs that do not end.

The limits are generous, and far below what waiting for these would take.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes

FOREVER_S: Final = 600
"""The grace period of the jobs that do not end: far longer than this test may take."""
SOON_S: Final = 20.0
"""How long an abort may take that must not wait for them."""
CLIENTS: Final = 8


@asynccontextmanager
async def _requests(node: Node, job: Body) -> AsyncIterator[None]:
    """Let clients read a job, and submit and abort others, as fast as the node answers."""
    # They wait for a time: a user who runs nothing would get each slot before the one who has two.
    own = {"uid": "loud", "task": "echo", "data": None, "delay_s": 3600}

    async def ask() -> None:
        async with aiohttp.ClientSession(node.url) as session:
            while True:
                await (await session.get(f"/{job['uid']}/{job['id']}")).read()
                await (await session.post("/", json=own)).read()
                await (await session.delete("/loud")).read()

    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(ask()) for _ in range(CLIENTS)]
        yield
        for client in clients:
            client.cancel()


async def test_with_all_slots_in_stubborn_jobs_and_a_busy_loop_an_abort_takes_effect(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Three jobs run, of which two are being stopped and will not end; more wait behind them."""
    node = start_node(NODE__WORKERS=3, QUEUE__IDLE_WINDOW_S=3600)
    files = [tmp_path / str(number) for number in range(3)]
    stubborn = [await node.submit("stubborn", {"file": str(file)}) for file in files]
    await eventually(lambda: all(file.exists() for file in files), within_s=SOON_S)
    for job in stubborn[:2]:
        assert (await node.abort(job, f"grace_s={FOREVER_S}"))[0] == 202
    never = tmp_path / "never"
    queued = [await node.submit("wait", {"file": str(never)}) for _ in range(2)]

    async with _requests(node, stubborn[0]):
        async with asyncio.timeout(SOON_S):
            assert (await node.abort(queued[0], ""))[0] == 200
            status, job = await node.abort(stubborn[2], "grace_s=0&wait=60")
            assert (status, job["abort"]["signal"]) == (200, "SIGKILL")
        async with asyncio.timeout(SOON_S):
            await eventually(never.exists, within_s=SOON_S, saying="the slot is free again")
            assert (await node.abort(queued[1], "wait=60"))[0] == 200
        statuses = [(await node.job(job))["status"] for job in stubborn[:2]]
    assert statuses == ["running", "running"]


async def test_jobs_that_ignore_their_grace_period_delay_no_other_abort(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Each attempt has its own grace period, and none waits for another's."""
    node = start_node(NODE__WORKERS=4, QUEUE__IDLE_WINDOW_S=3600)
    files = [tmp_path / str(number) for number in range(4)]
    jobs = [await node.submit("stubborn", {"file": str(file)}) for file in files]
    await eventually(lambda: all(file.exists() for file in files), within_s=SOON_S)
    for job, grace_s in zip(jobs, (FOREVER_S, 0.5, FOREVER_S, 0), strict=True):
        assert (await node.abort(job, f"grace_s={grace_s}"))[0] == 202
    async with asyncio.timeout(SOON_S):
        for job in (jobs[1], jobs[3]):
            assert (await node.abort(job, "wait=60"))[0] == 200
    for job in (jobs[0], jobs[2]):
        assert (await node.job(job))["status"] == "running"
