"""An abort in every state of a job: its answer, and that it can be repeated.

For jobs that wait for another attempt, or are claimed but not started, see `test_abort_races`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import uuid_utils

from scheduler.core.change import ChangeKind
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer


@pytest.fixture(scope="module")
def redis(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(redis_program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def lone(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with one worker, so that jobs wait behind the one that runs."""
    nodes = Nodes(tmp_path_factory.mktemp("lone"))
    try:
        yield nodes(NODE__WORKERS=1, QUEUE__URL=redis.url, QUEUE__IDLE_WINDOW_S=3600)
    finally:
        nodes.close()


async def test_a_queued_job_is_aborted_at_once(lone: Node, begun: Path) -> None:
    """It is aborted at once, whatever runs meanwhile, and never begins."""
    blocker = await lone.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    never = begun.with_name("never")
    job = await lone.submit("wait", {"file": str(never)})
    first = await lone.abort(job, "")
    assert (first[0], first[1]["status"], first[1]["attempt"]) == (200, "aborted", 0)
    assert await lone.abort(job, "") == first
    begun.unlink()
    assert (await lone.job(blocker, wait_s=30))["status"] == "successful"
    assert (await lone.outcome("echo", 1))["status"] == "successful"
    assert not never.exists()
    assert await lone.job(job) == first[1]


async def test_a_running_job_is_stopped(lone: Node, begun: Path) -> None:
    """The answer is 202 until the job is aborted, then 200; the first reason is kept."""
    job = await lone.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    status, answer = await lone.abort(job, "reason=first")
    assert (status, answer["status"]) == (202, "running")
    status, final = await lone.abort(job, "reason=second&wait=30")
    assert (status, final["status"], final["abort"]["reason"]) == (200, "aborted", "first")
    assert final["abort"]["requested_at"] == answer["abort"]["requested_at"]
    assert await lone.abort(job, "") == (200, final)


async def test_a_job_that_is_being_stopped_stays_so(lone: Node, begun: Path) -> None:
    """While the job is being stopped, another abort changes nothing, not even the grace period."""
    job = await lone.submit("stubborn", {"file": str(begun)})
    await eventually(begun.exists)
    _, first = await lone.abort(job, "grace_s=1&reason=first")
    async with asyncio.TaskGroup() as group:
        answers = [
            group.create_task(lone.abort(job, f"grace_s=600&reason={number}"))
            for number in range(10)
        ]
    assert {answer.result()[0] for answer in answers} == {202}
    assert all(answer.result()[1]["abort"] == first["abort"] for answer in answers)
    status, final = await lone.abort(job, "wait=30")
    assert (status, final["abort"]["reason"]) == (200, "first")


@pytest.mark.parametrize(("task", "ended"), [("echo", "successful"), ("fail", "terminated")])
async def test_a_finished_job_cannot_be_aborted(lone: Node, task: str, ended: str) -> None:
    """The answer is 409 with the job as it ended, however often; no abort is stored."""
    job = await lone.outcome(task, 1)
    assert job["status"] == ended
    for _ in range(2):
        status, problem = await lone.abort(job, "")
        assert (status, problem["job"]) == (409, job)
    assert await lone.job(job) == job


async def test_the_job_of_another_user_is_not_found(lone: Node, begun: Path) -> None:
    """A user can abort only own jobs, and does not learn whether others exist."""
    job = await lone.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    assert (await lone.abort({**job, "uid": "u2"}, ""))[0] == 404
    assert (await lone.call("DELETE", "/", {"uid": "u2", "id": job["id"]}))[0] == 404
    assert (await lone.call("DELETE", "/u2"))[1] == {"aborted": 0, "aborting": 0}
    assert (await lone.job(job))["abort"] is None
    begun.unlink()
    assert (await lone.job(job, wait_s=30))["status"] == "successful"


async def test_an_unknown_job_is_not_found(lone: Node, redis: RedisServer) -> None:
    """Nothing stays in Redis or in the store that could affect a later job."""
    await lone.outcome("echo", 1)
    await _quiet(redis)
    keys, jobs = await _keys(redis), (await lone.call("GET", "/u1?limit=1000"))[1]
    for unknown in (_id(), _id(), "0", "none", str(UUID(int=0))):
        for _ in range(2):
            assert (await lone.abort({"uid": "u1", "id": unknown}, ""))[0] == 404
            assert (await lone.call("DELETE", "/", {"uid": "u1", "id": unknown}))[0] == 404
    assert await _keys(redis) == keys
    assert (await lone.call("GET", "/u1?limit=1000"))[1] == jobs
    assert (await lone.outcome("echo", 2))["status"] == "successful"


def _id() -> str:
    return str(uuid_utils.uuid7())


async def _keys(redis: RedisServer) -> dict[str, Any]:
    async with redis.client() as client:
        return {key: await client.dump(key) async for key in client.scan_iter()}


async def _quiet(redis: RedisServer) -> None:
    """Wait until no id is in flight or queued, and the end of the last job is announced."""

    async def quiet() -> bool:
        async with redis.client() as client:
            keys = [key async for key in client.scan_iter()]
            changes = [key for key in keys if key.endswith("changes")]
            last: list[Any] = [await client.xrevrange(key, count=1) for key in changes]
        told = [json.loads(fields["c"])[0] for ((_, fields),) in last] == [ChangeKind.STATUS]
        return told and not any("inflight" in key or "queue" in key for key in keys)

    await eventually(quiet)
