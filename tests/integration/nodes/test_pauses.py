"""Pauses on running nodes: after the answer nothing begins, whatever happens to them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes
from tests.support.servers.redis import RedisServer

JOBS = rounds(40, long=100)


@pytest.fixture
def settings(postgres_url: str, redis_server: RedisServer, namespace: str) -> Mapping[str, object]:
    """Of the nodes of one installation."""
    return {
        "NODE__WORKERS": 2,
        "NODE__LEASE_S": 2,
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "QUEUE__IDLE_WINDOW_S": 1,
    }


async def pause(node: Node, what: str, **order: object) -> Body:
    status, found = await node.call("PUT", f"/-/pauses/{what}", order)
    assert status == 200, found
    return found


async def resume(node: Node, what: str) -> None:
    status, found = await node.call("DELETE", f"/-/pauses/{what}")
    assert status == 200, found


async def jobs_of(node: Node, uid: str = "u1") -> dict[str, Body]:
    _, found = await node.call("GET", f"/{uid}?limit=1000")
    return {job["id"]: job for job in found}


async def all_ended(node: Node, ids: Iterable[str]) -> None:
    await eventually(lambda: _none_is(node, "queued,running"), within_s=60)
    found = await jobs_of(node)
    assert {found[job_id]["status"] for job_id in ids} == {"successful"}


async def backlog(node: Node, *, data: object = 7, task: str = "echo") -> list[str]:
    order = [{"uid": "u1", "task": task, "data": data}] * JOBS
    status, jobs = await node.call("POST", "/", order)
    assert status == 202, jobs
    return [job["id"] for job in jobs]


@pytest.mark.parametrize("what", ["task/brief", "uid/u1"])
async def test_after_the_answer_nothing_begins_on_any_node_though_one_is_killed(
    start_node: Nodes, settings: Mapping[str, object], tmp_path: Path, what: str
) -> None:
    """Many jobs, in the middle of which somebody pauses."""
    begun = tmp_path / "begun"
    data = {"begun": str(begun), "for_s": 0.2}
    a = start_node("a", NODE__NAME="a", **settings)
    b = start_node("b", NODE__NAME="b", **settings)
    ids = await backlog(a, task="brief", data=data)
    await eventually(lambda: _some_ended(a))

    await pause(a, what, reason="repair")
    answered = await jobs_of(a)
    queued = {job_id for job_id in ids if answered[job_id]["status"] == "queued"}
    assert queued, "the pause came amid the work"
    more = await a.submit("brief", data)
    await asyncio.to_thread(a.kill)
    a = start_node("a2", NODE__NAME="a", **settings)
    await eventually(lambda: _none_is(b, "running"), within_s=60)

    found = await jobs_of(b)
    assert {found[job_id]["attempt"] for job_id in queued} == {0}
    assert queued.isdisjoint(line.partition(" ")[0] for line in begun.read_text().splitlines())
    assert found[more["id"]]["waits"]["for"] == "paused"
    told = [found[job_id]["waits"]["pause"]["reason"] for job_id in queued]
    assert set(told) == {"repair"}
    other = await b.outcome("echo", 1, uid="u2") if what == "uid/u1" else await b.outcome("echo", 1)
    assert other["status"] == "successful"

    await resume(b, what)
    await all_ended(a, [*ids, more["id"]])


async def _some_ended(node: Node) -> bool:
    return not await _none_is(node, "successful")


async def _none_is(node: Node, statuses: str) -> bool:
    _, found = await node.call("GET", f"/u1?status={statuses}&limit=1")
    return not found


async def test_a_pause_outlasts_the_node_and_holds_without_a_queue(
    start_node: Nodes,
    settings: Mapping[str, object],
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    """What counts is in the store: a restart and an emptied Redis change nothing."""
    first = start_node("a", NODE__NAME="a", **settings)
    await pause(first, "task/echo")
    ids = await backlog(first)
    first.kill()
    await asyncio.to_thread(redis_server.command, "FLUSHALL")
    second = start_node("b", NODE__NAME="b", **settings)
    assert (await second.outcome("brief", {"begun": str(tmp_path / "begun"), "for_s": 0}))[
        "status"
    ] == "successful"
    assert {job["attempt"] for job in (await jobs_of(second)).values() if job["id"] in ids} == {0}

    await resume(second, "task/echo")
    second.kill()
    await all_ended(start_node("c", NODE__NAME="c", **settings), ids)


async def test_a_paused_node_leaves_its_jobs_to_others(
    start_node: Nodes, settings: Mapping[str, object]
) -> None:
    a = start_node("a", NODE__NAME="a", **settings)
    b = start_node("b", NODE__NAME="b", **settings)
    await pause(a, "node/a", reason="repair")

    jobs = [await a.outcome("echo", number) for number in range(10)]

    assert {job["node"] for job in jobs} == {"b"}

    async def b_shows_it() -> bool:
        _, nodes = await b.call("GET", "/-/nodes")
        return [(each["paused"] or {}).get("reason") for each in nodes] == ["repair", None]

    await eventually(b_shows_it)  # it may take a second until other nodes know
    await pause(b, "node/b")
    last = await a.submit("echo", 1)
    assert (await a.job(last, wait_s=1))["status"] == "queued"
    await resume(a, "node/a")
    assert (await a.job(last, wait_s=30))["node"] == "a"
    await resume(a, "node/b")


async def test_a_pause_ends_by_itself_and_its_jobs_go_on_in_their_order(start_node: Nodes) -> None:
    node = start_node("a", NODE__WORKERS=1)
    _, now = await node.call("PUT", "/-/pauses/uid/nobody", {})
    await pause(node, "task/echo", until=_later(now["paused_at"], 1.5))
    ids = await backlog(node)

    await all_ended(node, ids)

    found = await jobs_of(node)
    started = [found[job_id]["started_at"] for job_id in ids]
    assert started == sorted(started)


def _later(text: str, seconds: float) -> str:
    return (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat()
