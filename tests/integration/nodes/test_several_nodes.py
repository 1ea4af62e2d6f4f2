"""Several nodes on one PostgreSQL and one Redis: more capacity, and the jobs survive any node."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.nodes.test_node import refusal
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer

LEASE_S = 2


@pytest.fixture
def member(
    start_node: Nodes, postgres_url: str, redis_server: RedisServer, namespace: str
) -> Callable[[str], Node]:
    """Starts a node of one installation, by name."""

    def start(name: str, folder: str | None = None) -> Node:
        return start_node(
            folder or name,
            NODE__NAME=name,
            NODE__WORKERS=1,
            NODE__LEASE_S=LEASE_S,
            STORE__URL=postgres_url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
            QUEUE__IDLE_WINDOW_S=3600,
        )

    return start


async def test_jobs_run_on_any_free_node_and_are_seen_through_all(
    member: Callable[[str], Node], tmp_path: Path
) -> None:
    """Each container adds workers; users may use any node."""
    a, b = member("a"), member("b")
    files = [tmp_path / str(number) for number in range(2)]
    jobs = [await a.submit("until", {"file": str(file)}) for file in files]
    await eventually(lambda: all(file.exists() for file in files))
    assert {(await b.job(job))["node"] for job in jobs} == {"a", "b"}
    status, nodes = await b.call("GET", "/-/nodes")
    assert (status, [node["name"] for node in nodes]) == (200, ["a", "b"])
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(b.job(job, wait_s=20)) for job in jobs]
        for file in files:
            file.unlink()
    assert [wait.result()["status"] for wait in waits] == ["successful", "successful"]


async def test_two_nodes_of_one_name_say_so(member: Callable[..., Node]) -> None:
    """A copied configuration names both alike, and nothing else would tell the operator."""
    first = member("a")
    second = member("a", "b")
    (_, nodes) = await first.call("GET", "/-/nodes")
    for node in (first, second):
        await eventually(lambda node=node: "another node has the same name" in node.log)  # type: ignore[misc]
        assert sum(each["id"] in node.log for each in nodes) == 1, "it names the other one"


async def test_a_job_is_aborted_through_another_node(
    member: Callable[[str], Node], begun: Path
) -> None:
    """The request may reach any of them."""
    a = member("a")
    job = await a.submit("stubborn", {"file": str(begun)})
    await eventually(begun.exists)
    b = member("b")
    status, job = await b.abort(job, "grace_s=0&wait=20")
    assert (status, job["node"]) == (200, "a")
    assert job["abort"]["survivors"] == 0
    await a.alone(but=1)


async def test_the_jobs_of_a_killed_node_run_on_another_one(
    member: Callable[[str], Node], begun: Path
) -> None:
    """Within the lease and two seconds, the design says; here only that it happens."""
    a = member("a")
    job = await a.submit("wait", {"file": str(begun)})
    await eventually(begun.exists)
    b = member("b")
    begun.unlink()
    a.kill()
    await eventually(begun.exists, within_s=60)
    found = await b.job(job)
    assert (found["status"], found["node"], found["attempt"]) == ("running", "b", 2)


async def test_a_node_that_was_stopped_for_longer_than_its_lease_runs_nothing_twice(
    member: Callable[[str], Node], tmp_path: Path
) -> None:
    """Its warden ends the job before another node begins it; after it wakes it changes nothing."""
    begun, lock = tmp_path / "begun", tmp_path / "lock"
    a = member("a")
    job = await a.submit("exclusive", {"file": str(begun), "lock": str(lock)})
    await eventually(begun.exists)
    b = member("b")
    begun.unlink()
    a.signal(signal.SIGSTOP)
    await eventually(begun.exists, within_s=60)
    a.signal(signal.SIGCONT)
    found = await b.job(job)
    assert (found["status"], found["node"], found["attempt"]) == ("running", "b", 2)
    await eventually(lambda: _two_nodes(b), within_s=60)
    assert (await b.abort(job, "grace_s=0&wait=20"))[0] == 200
    assert (await a.job(job))["status"] == "aborted"


async def test_an_abort_requested_while_the_owner_is_dead_is_kept(
    member: Callable[[str], Node], begun: Path
) -> None:
    """The abort is durable: the job never runs again."""
    a = member("a")
    job = await a.submit("undoable", {"file": str(begun)})
    await eventually(begun.exists)
    b = member("b")
    begun.unlink()
    a.kill()
    status, answer = await b.abort(job, "")
    assert (status, answer["status"]) == (202, "running")
    found = await b.job(job, wait_s=LEASE_S + 20)
    assert (found["status"], found["attempt"]) == ("aborted", 1)
    undone = begun.with_name("begun.undone")
    await eventually(undone.exists)
    assert not begun.exists()


async def test_a_node_with_another_store_is_refused(
    member: Callable[[str], Node],
    redis_server: RedisServer,
    namespace: str,
    tmp_path: Path,
) -> None:
    """It would take ids of jobs that it does not have."""
    member("a")
    said = await refusal(
        tmp_path, QUEUE__URL=redis_server.url, QUEUE__NAMESPACE=namespace, STORE__URL="sqlite"
    )
    assert namespace in said


async def test_nodes_and_jobs_go_on_when_redis_is_emptied(
    member: Callable[[str], Node], redis_server: RedisServer, begun: Path, namespace: str
) -> None:
    """Redis holds only hints: waiting jobs are enqueued again."""
    a = member("a")
    first = await a.submit("until", {"file": str(begun)})
    await eventually(begun.exists)
    second = await a.submit("echo", 2)
    for key in await _keys(redis_server, namespace):
        redis_server.command("DEL", key)
    third = await a.submit("echo", 3)
    begun.unlink()
    for job in (first, second, third):
        assert (await a.job(job, wait_s=20))["status"] == "successful"


async def _keys(server: RedisServer, namespace: str) -> list[str]:
    async with server.client() as client:
        return [key async for key in client.scan_iter(f"{{{namespace}}}*")]


async def _two_nodes(node: Node) -> bool:
    return len((await node.call("GET", "/-/nodes"))[1]) == 2
