"""Jobs that wait for a time, whatever happens to nodes, clocks and Redis meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.members import PROGRAM
from tests.chaos.skewed import OFFSET
from tests.support.eventually import eventually
from tests.support.forking.client import forked_node
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer

Settings = Mapping[str, object]
HOUR_S = 3600


@pytest.fixture
def settings(postgres_url: str, redis_server: RedisServer, namespace: str) -> Settings:
    """Of the nodes of one installation."""
    return {
        "NODE__WORKERS": 1,
        "NODE__LEASE_S": 2,
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "QUEUE__IDLE_WINDOW_S": 3600,
    }


@pytest.fixture
def skewed(settings: Settings, tmp_path: Path) -> Iterator[Callable[[str, int], Node]]:
    """Starts a node whose clock is so many seconds ahead."""
    nodes: list[Node] = []

    def start(name: str, ahead_s: int) -> Node:
        offset = tmp_path / f"{name}-offset"
        offset.write_text(str(ahead_s))
        named = {**settings, "NODE__NAME": name}
        place = {OFFSET: str(offset)}
        nodes.append(
            Node(
                tmp_path / name,
                named,
                program=PROGRAM,
                environment=place,
                launch=forked_node,
            )
        )
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()


async def submitted(node: Node, **fields: object) -> Body:
    body = {"uid": "u1", "task": "echo", "data": 7, **fields}
    status, job = await node.call("POST", "/", body)
    assert status == 202, job
    return job


async def ended(node: Node, job: Body) -> Body:
    """The job at its end, which is not before its time."""
    found = await node.job(job, wait_s=30)
    assert found["status"] == "successful", found
    assert found["eligible_at"] == found["run_at"] == job["run_at"]
    assert seconds(found["started_at"]) >= seconds(found["run_at"])
    return found


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_a_delayed_job_begins_on_time_and_its_hurry_is_kept(start_node: Nodes) -> None:
    node = start_node("a")

    job = await submitted(node, delay_s=0.5, priority=60)
    found = await ended(node, job)

    assert (job["status"], job["waits"]["for"]) == ("queued", "run_at")
    assert (found["priority"], found["waits"], found["attempt"]) == (60, None, 1)


async def test_a_delayed_job_outlives_its_node(start_node: Nodes) -> None:
    """What waits for a time is in the store."""
    first = start_node("a")
    job = await submitted(first, delay_s=1)
    first.kill()

    await ended(start_node("a"), job)


async def test_another_node_lets_it_begin_where_the_first_has_drained(
    start_node: Nodes, settings: Settings
) -> None:
    first = start_node("a", NODE__NAME="a", **settings)
    second = start_node("b", NODE__NAME="b", **settings)
    job = await submitted(first, delay_s=2)
    await asyncio.to_thread(first.drain)

    assert (await ended(second, job))["node"] == "b"


async def test_a_queue_that_is_emptied_when_a_job_is_due_loses_nothing(
    start_node: Nodes, settings: Settings, redis_server: RedisServer
) -> None:
    """Its id may be in the queue, on its way there, or not yet promoted."""
    node = start_node("a", **settings)
    jobs = [await submitted(node, delay_s=0.5 + 0.01 * number) for number in range(10)]
    last = seconds(jobs[-1]["run_at"])

    while time.time() < last + 0.1:
        await asyncio.to_thread(redis_server.command, "FLUSHALL")

    for job in jobs:
        await ended(node, job)


async def test_wrong_clocks_of_nodes_let_nothing_begin_early_or_late(
    skewed: Callable[[str, int], Node],
) -> None:
    """The store's clock counts, though one node is an hour ahead and the other one behind."""
    ahead, behind = skewed("ahead", HOUR_S), skewed("behind", -HOUR_S)

    jobs = [await submitted(node, delay_s=1.5) for node in (ahead, behind, ahead, behind)]

    assert {job["waits"]["for"] for job in jobs} == {"run_at"}
    for job in jobs:
        found = await behind.job(job, wait_s=30)
        assert found["status"] == "successful", found
        assert found["eligible_at"] == job["run_at"]
        for told in ("created_at", "started_at", "finished_at"):
            since = datetime.now(UTC) - datetime.fromisoformat(found[told])
            assert timedelta(0) <= since < timedelta(minutes=5), told


async def test_a_job_that_no_worker_begins_in_time_ends(start_node: Nodes, tmp_path: Path) -> None:
    node = start_node("a", NODE__WORKERS=1)
    file = tmp_path / "begun"
    await submitted(node, task="until", data={"file": str(file)})
    await eventually(file.exists)

    urgent = await submitted(node, start_within_s=0.3)
    found = await node.job(urgent, wait_s=30)

    assert (found["status"], found["attempt"], found["started_at"]) == ("terminated", 0, None)
    assert found["error"]["kind"] == "expired"
    file.unlink()
