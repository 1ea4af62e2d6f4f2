"""A store that answers nobody for a while: what runs goes on where no other node could take it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.integration.nodes.test_node import refusal
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer

LEASE_S = 1.0
"""Of a node with SQLite: far shorter than the stalls here."""
SHARED_LEASE_S = 3.0


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the write lock of a SQLite file, as a backup or a person at a prompt may."""
    with closing(sqlite3.connect(database, isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        yield
        stranger.execute("ROLLBACK")


@asynccontextmanager
async def table_locked(url: str, table: str) -> AsyncIterator[None]:
    """Hold a lock on a table of PostgreSQL, as VACUUM FULL or ALTER TABLE do."""
    stranger = await asyncpg.connect(url)
    try:
        async with stranger.transaction():
            await stranger.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await stranger.close()


async def started(node: Node, file: Path) -> Any:  # noqa: ANN401 - a job as JSON
    """A job that has begun, and runs until the file is removed."""
    job = await node.submit("until", {"file": str(file)})
    await eventually(file.exists)
    return job


async def undisturbed(node: Node, *jobs: Any) -> None:  # noqa: ANN401 - jobs as JSON
    """Check that the jobs succeed in their first attempt, and that the node kept its lease."""
    for job in jobs:
        found = await node.job(job, wait_s=30)
        assert (found["status"], found["attempt"]) == ("successful", 1)
    assert "the lease is lost" not in node.log


async def retry_after(node: Node) -> str:
    """Check that a submit is refused for now; when it may be tried again."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(node.url, json={"uid": "u1", "task": "echo"}) as answer,
    ):
        assert answer.status == 503, await answer.text()
        return answer.headers["Retry-After"]


async def test_no_job_is_killed_while_another_program_holds_the_write_lock_of_sqlite(
    start_node: Nodes, tmp_path: Path
) -> None:
    """Only this node can take its jobs: to kill them would only make them run twice."""
    node = start_node(NODE__LEASE_S=LEASE_S)
    ends_meanwhile, ends_after = tmp_path / "meanwhile", tmp_path / "after"
    jobs = [await started(node, file) for file in (ends_meanwhile, ends_after)]
    with locked(node.folder / "data" / "scheduler.db"):
        ends_meanwhile.unlink()
        assert int(await retry_after(node)) > 0  # it comes after more than the lease
        assert (await node.job(jobs[0]))["status"] == "running"
    ends_after.unlink()
    await undisturbed(node, *jobs)
    assert (await node.outcome("echo", 1))["attempt"] == 1


async def test_a_node_with_sqlite_that_was_stopped_keeps_its_jobs(
    start_node: Nodes, begun: Path
) -> None:
    """A laptop that slept, or a container that was paused: nobody else could take them."""
    node = start_node(NODE__LEASE_S=LEASE_S)
    job = await started(node, begun)
    node.signal(signal.SIGSTOP)
    await asyncio.sleep(3 * LEASE_S)
    node.signal(signal.SIGCONT)
    begun.unlink()
    await undisturbed(node, job)


async def test_a_node_that_is_drained_during_the_stall_keeps_what_its_jobs_returned(
    start_node: Nodes, begun: Path
) -> None:
    """The lock may be gone a moment later: a result is worth the wait."""
    node = start_node(NODE__LEASE_S=LEASE_S, NODE__DRAIN_S=0.1)
    job = await started(node, begun)
    with locked(node.folder / "data" / "scheduler.db"):
        begun.unlink()
        assert int(await retry_after(node)) > 0
        node.signal(signal.SIGTERM)
        await eventually(lambda: _is_draining(node))
    assert node.ended() == 0, node.log
    await undisturbed(start_node(), job)


async def test_a_start_while_the_database_is_locked_says_so(
    start_node: Nodes, tmp_path: Path
) -> None:
    """It waits for a while, and then ends with one line that names the file."""
    node = start_node()
    assert node.drain() == 0
    with locked(node.folder / "data" / "scheduler.db"):
        said = await refusal(tmp_path, NODE__DATA_DIR=node.folder / "data")
    assert "database is locked" in said
    assert "the store cannot be reached: " in said


@pytest.fixture
def members(
    start_node: Nodes, postgres_url: str, redis_server: RedisServer, namespace: str
) -> tuple[Node, Node]:
    """Two nodes of one installation."""
    first, second = (
        start_node(
            name,
            NODE__NAME=name,
            NODE__LEASE_S=SHARED_LEASE_S,
            STORE__URL=postgres_url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
        )
        for name in ("a", "b")
    )
    return first, second


async def test_a_lock_on_the_jobs_of_postgresql_kills_none_however_long_it_is_held(
    members: tuple[Node, Node], postgres_url: str, begun: Path
) -> None:
    """The lease is in another table: the nodes see each other live."""
    node = members[0]
    job = await started(node, begun)
    async with table_locked(postgres_url, "jobs"):
        await asyncio.sleep(2 * SHARED_LEASE_S)
        begun.unlink()
    await undisturbed(node, job)


async def test_a_lock_on_all_tables_of_postgresql_that_is_shorter_than_the_bound_kills_nothing(
    members: tuple[Node, Node], postgres_url: str, tmp_path: Path
) -> None:
    """As the docs say; and no node takes another one for dead because of it."""
    for round_ in range(3):  # it begins at other moments of the interval of renewals
        file = tmp_path / str(round_)
        job = await started(members[0], file)
        async with table_locked(postgres_url, "jobs, nodes"):
            await asyncio.sleep(SHARED_LEASE_S * 2 / 3)
        file.unlink()
        await undisturbed(members[0], job)
    assert not any("presumed dead" in each.log for each in members)


async def test_a_stall_of_postgresql_that_is_longer_than_the_lease_runs_no_job_twice_at_once(
    members: tuple[Node, Node], postgres_url: str, tmp_path: Path
) -> None:
    """Guarantee 1: a node cannot know that the others are not answered, either."""
    begun, node = tmp_path / "begun", members[0]
    order = {"file": str(begun), "lock": str(tmp_path / "lock")}
    job = await node.submit("exclusive", order)
    await eventually(begun.exists)
    owner = dict(zip("ab", members, strict=True))[(await node.job(job))["node"]]
    async with table_locked(postgres_url, "jobs, nodes"):
        begun.unlink()
        await eventually(lambda: "the lease is lost" in owner.log, within_s=60)

    async def begun_anew() -> bool:
        found = await node.job(job)
        assert found["status"] in ("queued", "running"), found
        return begun.exists()

    await eventually(begun_anew, within_s=60)
    found = await node.job(job)
    assert (found["status"], found["attempt"]) == ("running", 2)


async def _is_draining(node: Node) -> bool:
    status, answer = await node.call("GET", "/-/ready")
    return status == 503 and "draining" in str(answer)
