"""Jobs that wait for jobs on a running node: what they are told, and what becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

import pytest

from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Body, Node, Nodes

HOPS = 12
SOON_S = 6.0
"""For all of them: a node notices the end of a job that it ran itself, and looks for others each
second."""


@pytest.fixture
def uid() -> str:
    return uuid4().hex


async def submitted(node: Node, *jobs: Body) -> list[str]:
    status, found = await node.call("POST", "/", list(jobs))
    assert status == 202, found
    return [job["id"] for job in found]


async def ended(node: Node, uid: str, job_id: str) -> Body:
    status, job = await node.call("GET", f"/{uid}/{job_id}?wait=30")
    assert status == 200, job
    return job


async def test_a_handler_is_told_how_its_predecessors_ended(node: Node, uid: str) -> None:
    """Whether it runs alone or with others in a lot."""
    job = {"uid": uid, "task": "echo"}
    bad = {"uid": uid, "task": "fail", "data": "x"}
    last = {"uid": uid, "task": "tell_after", "after": ["#a", "#b", "#c"], "after_if": "end"}
    ids = await submitted(
        node,
        {**job, "data": {"n": 1}, "ref": "a"},
        {**bad, "ref": "b"},
        {**job, "ref": "c", "delay_s": 0.3, "data": [2]},
        *[{**last, "data": ["a", "c"]} for _ in range(5)],
    )

    for job_id in ids[3:]:
        found = await ended(node, uid, job_id)
        assert found["status"] == "successful", found
        assert found["result"]["after"] == {
            "a": ["successful", {"n": 1}, None],
            "b": ["terminated", None, "ValueError"],
            "c": ["successful", [2], None],
        }
        assert found["result"]["by_name"] == {"a": ids[0], "c": ids[2]}


async def test_a_job_without_predecessors_is_told_of_none(node: Node, uid: str) -> None:
    (job_id,) = await submitted(node, {"uid": uid, "task": "tell_after"})

    assert (await ended(node, uid, job_id))["result"] == {"data": None, "after": {}, "by_name": {}}


async def test_a_name_that_is_none_of_its_predecessors_is_an_error(node: Node, uid: str) -> None:
    first, job_id = await submitted(
        node,
        {"uid": uid, "task": "echo", "ref": "a"},
        {"uid": uid, "task": "tell_after", "after": ["#a"], "data": ["b"]},
    )

    error = (await ended(node, uid, job_id))["error"]

    assert error["type"] == "KeyError"
    assert "does not come after 'b', but after 'a'" in error["message"]
    assert first != job_id


async def test_a_job_begins_soon_after_the_last_of_those_before_it(node: Node, uid: str) -> None:
    """Also one that was submitted while they ran."""
    (first,) = await submitted(node, {"uid": uid, "task": "last_for", "data": 1})
    last = first
    for _ in range(HOPS):
        (last,) = await submitted(node, {"uid": uid, "task": "echo", "after": [last]})

    await ended(node, uid, first)
    begun = time.monotonic()
    job = await ended(node, uid, last)

    assert job["status"] == "successful"
    assert time.monotonic() - begun < SOON_S


async def test_a_failure_aborts_what_comes_after_and_calls_its_hook(node: Node, uid: str) -> None:
    first, second, third, report = await submitted(
        node,
        {"uid": uid, "task": "fail", "data": "x", "ref": "a"},
        {"uid": uid, "task": "echo", "ref": "b", "after": ["#a"]},
        {"uid": uid, "task": "echo", "ref": "c", "after": ["#b"]},
        {"uid": uid, "task": "tell_after", "after": ["#a", "#b", "#c"], "after_if": "end"},
    )

    jobs = [await ended(node, uid, job_id) for job_id in (first, second, third, report)]

    assert [job["status"] for job in jobs] == ["terminated", "aborted", "aborted", "successful"]
    assert jobs[1]["abort"]["reason"] == f"predecessor {first} terminated"
    assert jobs[2]["abort"]["reason"] == f"predecessor {second} aborted"
    assert (jobs[1]["abort"]["processes"], jobs[1]["attempt"]) == (0, 0)
    told = jobs[3]["result"]["after"]
    assert {name: ends[0] for name, ends in told.items()} == {
        "a": "terminated",
        "b": "aborted",
        "c": "aborted",
    }


async def test_a_rerun_of_what_came_after_others_is_told_the_same(node: Node, uid: str) -> None:
    _, job_id = await submitted(
        node,
        {"uid": uid, "task": "echo", "data": 7, "ref": "a"},
        {"uid": uid, "task": "tell_after", "after": ["#a"], "group": "g"},
    )
    first = await ended(node, uid, job_id)

    status, again = await node.call("POST", f"/{uid}/{job_id}/rerun")

    assert status == 202, again
    assert (again["after"], again["waits"], again["group"]) == (first["after"], None, "g")
    assert (await ended(node, uid, again["id"]))["result"] == first["result"]


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    """Of a node."""
    found: dict[str, object] = {"NODE__WORKERS": 2, "NODE__LEASE_S": 2}
    if request.param == "postgres":
        found["STORE__URL"] = request.getfixturevalue("postgres_url")
    return found


async def test_graphs_end_though_their_nodes_are_killed(
    settings: dict[str, object], start_node: Nodes, uid: str
) -> None:
    """A crash between two steps of the resolver loses nothing."""
    ids: list[str] = []
    for number in range(rounds(2, long=3)):
        node = start_node("a", NODE__NAME="a", **settings)
        ids += await submitted(node, *_layers(uid, width=rounds(10, long=20), fails=number == 1))
        await asyncio.sleep(0.1 * (number + 1))
        node.kill()
    node = start_node("a", NODE__NAME="a", **settings)

    async def all_ended() -> bool:
        _, found = await node.call("GET", f"/{uid}?status=queued,running&limit=1")
        return not found

    await eventually(all_ended, within_s=60)
    _, jobs = await node.call("GET", f"/{uid}?limit=1000")
    assert {job["id"] for job in jobs} >= set(ids)
    by_id = {job["id"]: job for job in jobs}
    for job in jobs:
        before = [by_id[each["id"]]["status"] for each in job["after"]]
        doomed = job["after_if"] == "success" and set(before) - {"successful"}
        assert (job["status"] == "aborted") == bool(doomed), job


def _layers(uid: str, *, width: int, fails: bool) -> Sequence[Body]:
    """Three layers, each after all of the one before."""
    job = {"uid": uid, "task": "echo"}
    first = [{**job, "ref": f"a{n}"} for n in range(width)]
    if fails:
        first[0] = {"uid": uid, "task": "fail", "data": "x", "ref": "a0"}
    second = [
        {**job, "ref": f"b{n}", "after": [f"#a{n}", "#a0"][: 1 + (n > 0)]} for n in range(width)
    ]
    last = {**job, "after": [f"#b{n}" for n in range(width)], "after_if": "end"}
    return [*first, *second, last]
