"""Jobs that are run again, whatever becomes of the node that is asked to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
import pytest

from tests.support.effort import rounds, variants
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer

Settings = Mapping[str, object]
JOBS = rounds(80, long=150)


@pytest.fixture
def settings(postgres_url: str, redis_server: RedisServer, namespace: str) -> Settings:
    """Of the nodes of one installation."""
    return {
        "NODE__WORKERS": 2,
        "NODE__LEASE_S": 2,
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
    }


async def failed(node: Node, uid: str) -> set[str]:
    """Have many jobs that ended without success; their ids."""
    status, jobs = await node.call(
        "POST", "/", [{"uid": uid, "task": "fail", "data": number} for number in range(JOBS)]
    )
    assert status == 202, jobs
    await all_ended(node, uid)
    return {job["id"] for job in jobs}


async def all_ended(node: Node, uid: str) -> None:
    async def none_is_left() -> bool:
        return (await node.call("GET", f"/-/usage/{uid}"))[1]["queued"] == 0 and not (
            await node.call("GET", f"/{uid}?status=queued,running&limit=1")
        )[1]

    await eventually(none_is_left, within_s=60)


async def rerun_all(node: Node, uid: str, *, key: str | None = None, limit: int = JOBS) -> Body:
    """Run all jobs of a user again that failed; the answer."""
    headers = {} if key is None else {"Idempotency-Key": key}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
        session.post(
            f"{node.url}/-/reruns", json={"uid": uid, "limit": limit}, headers=headers
        ) as answer,
    ):
        assert answer.status in {200, 202}, await answer.text()
        return await answer.json()


async def reruns(node: Node, uid: str) -> Counter[str]:
    """How many re-runs each job has."""
    status, jobs = await node.call("GET", f"/{uid}?limit=1000&data=false")
    assert status == 200, jobs
    return Counter(job["rerun_of"] for job in jobs if job["rerun_of"])


@pytest.mark.parametrize("after_s", variants([0.0, 0.02], long=[0.01, 0.03, 0.05]))
async def test_a_node_that_is_killed_meanwhile_runs_each_job_again_once(
    start_node: Nodes, settings: Settings, after_s: float
) -> None:
    """The client repeats the request at another node: all of them, and none of them twice."""
    second = start_node("b", NODE__NAME="b", **settings)
    olds = await failed(second, "u1")
    first = start_node("a", NODE__NAME="a", **settings)

    async with asyncio.TaskGroup() as group:
        group.create_task(_asked_in_vain(first), name="ask the first")
        await asyncio.sleep(after_s)  # it may not have come, be half done, or answered
        first.kill()
    answer = await rerun_all(second, "u1", key="night")

    assert answer["count"] == JOBS
    assert {each["rerun_of"] for each in answer["jobs"]} == olds
    assert await reruns(second, "u1") == Counter(olds)
    await all_ended(second, "u1")
    assert await rerun_all(second, "u1", key="night") == {**answer, "more": True}


async def _asked_in_vain(node: Node) -> None:
    with suppress(aiohttp.ClientError):
        await rerun_all(node, "u1", key="night")


async def test_requests_at_two_nodes_share_the_jobs(start_node: Nodes, settings: Settings) -> None:
    """Without a key, too, and with some of one key: no job is run again twice."""
    nodes = [start_node(name, NODE__NAME=name, **settings) for name in ("a", "b")]
    olds = await failed(nodes[0], "u1")

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                rerun_all(nodes[number % 2], "u1", key=["k", None][number // 4], limit=20),
                name=f"ask {number}",
            )
            for number in range(8)
        ]
    answers = [task.result() for task in tasks]

    keyed = {tuple(each["id"] for each in answer["jobs"]) for answer in answers[:4]}
    assert len(keyed) == 1, "one key is one request"
    found = await reruns(nodes[0], "u1")
    assert {found[old] for old in olds} <= {0, 1}
    assert max(found.values()) == 1
