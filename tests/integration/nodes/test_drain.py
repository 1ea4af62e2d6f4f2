"""Drains: a node that ends accepts nothing more, keeps nothing back, and users notice nothing."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import aiohttp
import pytest

from scheduler.core.job import Status
from scheduler.store import open_store
from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer
from tests.support.stores import known, later, new

CLIENTS = 3
NAMES = "abc"[: rounds(2, long=3)]
"""Of the nodes that are restarted."""
FAR = 3600
"""So long that the safety net cannot cause what a test sees."""


async def test_a_draining_node_begins_nothing_and_says_so(start_node: Nodes, begun: Path) -> None:
    """Jobs claimed ahead go back at once; new jobs wait for the next start."""
    node = start_node(NODE__WORKERS=1, QUEUE__IDLE_WINDOW_S=FAR)
    running = await node.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    waiting = [await node.submit("echo", number) for number in range(3)]
    node.signal(signal.SIGTERM)
    await eventually(lambda: _is_draining(node))
    waiting.append(await node.submit("echo", 3))

    await eventually(lambda: _all_queued(node, waiting))
    assert (await node.job(running))["status"] == "running"
    begun.unlink()
    assert node.ended() == 0

    again = start_node(NODE__NAME="again", NODE__LOSSES_MAX=1, QUEUE__IDLE_WINDOW_S=FAR)
    assert (await again.job(running))["status"] == "successful"
    ends = [await again.job(job, wait_s=60) for job in waiting]
    assert [job["result"] for job in ends] == [0, 1, 2, 3]
    assert {(job["node"], job["attempt"]) for job in ends} == {("again", 1)}


async def test_a_claim_whose_answer_was_lost_is_given_back_by_a_drain(
    start_node: Nodes, postgres_url: str, tmp_path: Path
) -> None:
    """The node would have found it a second later. Its job has not begun, and no node has died."""
    node = start_node(STORE__URL=postgres_url, QUEUE__IDLE_WINDOW_S=FAR)
    async with open_store(postgres_url, data_dir=tmp_path) as store:
        (registered,) = await store.nodes()
        job = new("u1", task="echo")
        await store.insert([job])
        assert await store.claim([job.id], node_id=registered.id, at=later(0))
        node.signal(signal.SIGTERM)
        assert node.ended() == 0

        found = await known(store, job.id)
        assert (found.status, found.attempt, found.owner) == (Status.QUEUED, 0, None)


@pytest.mark.timeout(180)
async def test_a_rolling_restart_loses_nothing_and_is_answered_by_nothing_but_2xx_and_503(
    start_node: Nodes,
    postgres_url: str,
    redis_server: RedisServer,
    namespace: str,
    tmp_path: Path,
) -> None:
    """A deployment in the middle of the day: each node in turn, under load."""

    def start(name: str) -> Node:
        return start_node(
            name,
            NODE__NAME=name,
            NODE__WORKERS=1,
            NODE__DRAIN_S=0.3,
            STORE__URL=postgres_url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
        )

    folder = tmp_path / "guarded"
    (folder / "locks").mkdir(parents=True)
    nodes = {name: start(name) for name in NAMES}
    load = Load(nodes, folder)
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(load.submit(number, over))
        for name in NAMES:
            load.restarting = name
            assert await asyncio.to_thread(nodes[name].drain) == 0
            nodes[name] = await asyncio.to_thread(start, name)
        load.restarting = ""
        over.set()

    assert load.strange == []
    ends = [await nodes["a"].job(job, wait_s=60) for job in load.accepted]
    assert {job["status"] for job in ends} == {"successful"}
    assert not (folder / "overlaps").exists()
    begun = [line.split()[:2] for line in (folder / "begun").read_text().splitlines()]
    assert len({tuple(each) for each in begun}) == len(begun)


class Load:
    """Clients of nodes that restart one after the other."""

    def __init__(self, nodes: dict[str, Node], folder: Path) -> None:
        self.accepted: list[Body] = []
        self.strange: list[object] = []
        self.restarting = ""
        self._nodes = nodes
        self._folder = folder

    async def submit(self, number: int, over: asyncio.Event) -> None:
        """Submit one job after the other, to each node in turn."""
        names = self._names(number)
        while not over.is_set():
            await self._submit(next(names))

    async def _submit(self, name: str) -> None:
        data = {"folder": str(self._folder), "n": 0, "manner": "plain", "for_s": 0.2}
        body = {"uid": "u1", "task": "guarded", "data": data}
        before = self.restarting
        try:
            status, answer = await self._nodes[name].call("POST", "/", body)
        except aiohttp.ClientConnectionError as refused:
            if name not in {before, self.restarting}:
                self.strange.append(refused)
            return
        if status == 202:
            self.accepted.append(answer)
        elif status != 503 or name not in {before, self.restarting}:
            self.strange.append(answer)
        await asyncio.sleep(0.3)  # else more jobs would wait with each restart

    def _names(self, first: int) -> Iterator[str]:
        names = cycle(self._nodes)
        for _ in range(first):
            next(names)
        return names


async def _is_draining(node: Node) -> bool:
    status, answer = await node.call("GET", "/-/ready")
    return status == 503 and "draining" in str(answer)


async def _all_queued(node: Node, jobs: list[Body]) -> bool:
    return {(await node.job(job))["status"] for job in jobs} == {"queued"}
