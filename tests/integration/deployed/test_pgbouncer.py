"""Nodes whose PostgreSQL is behind PgBouncer, in each of its pool modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import asyncpg
import pytest

from tests.integration.nodes.test_node import refusal
from tests.support.effort import rounds
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.pgbouncer import PgBouncer, PgBouncers, start_pgbouncer
from tests.support.servers.redis import RedisServer

__all__ = ["start_pgbouncer"]

SUBMITS = rounds(20, long=40)
Start = Callable[..., Node]


@pytest.fixture
def member(start_node: Nodes, redis_server: RedisServer, namespace: str) -> Start:
    """Starts a node of one installation whose store is behind a PgBouncer."""

    def start(name: str, bouncer: PgBouncer, **settings: object) -> Node:
        return start_node(
            name,
            NODE__NAME=name,
            STORE__URL=bouncer.url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
            **settings,
        )

    return start


async def used(nodes: tuple[Node, ...], begun: Path) -> None:
    """Use the nodes in every way at once: single and bulk submits, lists, events, aborts."""
    a, b = nodes[0], nodes[-1]
    endless = await a.submit("stubborn", {"file": str(begun)})
    async with asyncio.TaskGroup() as group:
        singles = [
            group.create_task(nodes[number % len(nodes)].submit("echo", number))
            for number in range(SUBMITS)
        ]
        bodies = [{"uid": "u1", "task": "echo", "data": number} for number in range(SUBMITS)]
        bulk = group.create_task(b.call("POST", "/", bodies))
        for _ in range(SUBMITS):
            group.create_task(b.call("GET", "/u1?limit=9"))
    status, many = bulk.result()
    assert status == 202, many
    jobs = [task.result() for task in singles] + many
    found = [await b.job(job, wait_s=30) for job in jobs]
    assert [job["result"] for job in found] == [job["data"] for job in found]
    assert {job["attempt"] for job in found} == {1}
    await eventually(begun.exists)
    status, aborted = await b.abort(endless, "grace_s=0&wait=30")
    assert (status, aborted["abort"]["survivors"]) == (200, 0)


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_two_nodes_share_the_connections_of_a_pooler(
    mode: str, member: Start, start_pgbouncer: PgBouncers, postgres_url: str, begun: Path
) -> None:
    """In transaction mode each statement may meet a connection that another node has used."""
    bouncer = start_pgbouncer(postgres_url, pool_mode=mode, default_pool_size=20)
    a, b = member("a", bouncer), member("b", bouncer)

    await used((a, b), begun)

    for node in (a, b):
        assert "away" not in node.log, node.log
        assert node.drain() == 0, node.log


async def test_a_pooler_is_noticed_once_and_told_once(
    member: Start, start_pgbouncer: PgBouncers, postgres_url: str, begun: Path
) -> None:
    """Two connections for two nodes: the names of statements collide, or are missing, at once."""
    bouncer = start_pgbouncer(postgres_url, pool_mode="transaction", default_pool_size=2)
    a, b = member("a", bouncer), member("b", bouncer)
    await used((a, b), begun)
    for node in (a, b):
        assert node.log.count("a pooler shares the connections of the store") == 1, node.log
        assert "Traceback" not in node.log


async def restart(bouncer: PgBouncer) -> None:
    bouncer.stop()
    bouncer.start()


async def pause(bouncer: PgBouncer) -> None:
    """As before a restart of the server; what waits goes on after it."""
    await bouncer.command("PAUSE")
    await asyncio.sleep(0.5)
    await bouncer.command("RESUME")


async def refuse_clients(bouncer: PgBouncer) -> None:
    """Have no room for clients."""
    bouncer.write(pool_mode="transaction", max_client_conn=1)
    await restart(bouncer)
    await asyncio.sleep(1)
    bouncer.write(pool_mode="transaction")
    await restart(bouncer)


@pytest.mark.parametrize("fault", [restart, pause, refuse_clients])
async def test_a_node_outlives_what_happens_to_a_pooler(
    fault: Callable[[PgBouncer], Coroutine[None, None, None]],
    member: Start,
    start_pgbouncer: PgBouncers,
    postgres_url: str,
    tmp_path: Path,
) -> None:
    """What was accepted is neither lost nor run again, and what ends meanwhile is settled later."""
    bouncer = start_pgbouncer(postgres_url, pool_mode="transaction")
    node = member("a", bouncer, NODE__LEASE_S=60)
    file = tmp_path / "file"
    job = await node.submit("until", {"file": str(file)})
    await eventually(file.exists)

    async with asyncio.TaskGroup() as group:
        group.create_task(fault(bouncer))
        file.unlink()
        body = {"uid": "u1", "task": "echo"}
        posts = [group.create_task(node.call("POST", "/", body)) for _ in range(5)]

    assert {post.result()[0] for post in posts} <= {202, 503}
    await eventually(lambda: accepts(node), within_s=60)
    found = await node.job(job, wait_s=30)
    assert (found["status"], found["attempt"]) == ("successful", 1)


async def test_a_pooler_without_a_free_connection_is_an_outage_and_not_the_end(
    member: Start, start_pgbouncer: PgBouncers, postgres_url: str
) -> None:
    """`query_wait_timeout`: PgBouncer drops a client that waited too long for a connection."""
    bouncer = start_pgbouncer(
        postgres_url, pool_mode="transaction", default_pool_size=1, query_wait_timeout=1
    )
    node = member("a", bouncer, NODE__LEASE_S=60)
    holder = await asyncpg.connect(bouncer.url)
    async with holder.transaction():
        await holder.execute("SELECT 1")
        status, problem = await node.call("POST", "/", {"uid": "u1", "task": "echo"})
        assert (status, "query_wait_timeout" in problem["detail"]) == (503, True), problem
    await eventually(lambda: accepts(node), within_s=60)
    await holder.close()


async def test_server_connections_that_come_and_go_do_no_harm(
    member: Start, start_pgbouncer: PgBouncers, postgres_url: str
) -> None:
    """`server_idle_timeout` and `server_lifetime`: the next statement meets a new connection."""
    bouncer = start_pgbouncer(
        postgres_url, pool_mode="transaction", server_idle_timeout=1, server_lifetime=1
    )
    node = member("a", bouncer)
    for _ in range(4):
        assert (await node.outcome("echo", 1))["status"] == "successful"
        await asyncio.sleep(0.7)
    assert "away" not in node.log, node.log


async def test_a_pooler_that_knows_no_transactions_is_refused(
    start_pgbouncer: PgBouncers, postgres_url: str, tmp_path: Path
) -> None:
    bouncer = start_pgbouncer(postgres_url, pool_mode="statement")
    said = await refusal(tmp_path, STORE__URL=bouncer.url)
    assert "transaction blocks not allowed in statement pooling mode" in said
    assert len(said.splitlines()) == 1, said


@pytest.mark.parametrize(
    ("ignored", "why"),
    [
        ("", "unsupported startup parameter: search_path"),
        ("search_path", "a pooler ignores the one in the URL"),
    ],
)
async def test_a_schema_that_a_pooler_does_not_set_is_refused(
    ignored: str, why: str, start_pgbouncer: PgBouncers, postgres_url: str, tmp_path: Path
) -> None:
    """Ignored in silence, the tables would be made in another schema."""
    bouncer = start_pgbouncer(
        postgres_url, pool_mode="transaction", ignore_startup_parameters=ignored
    )
    said = await refusal(tmp_path, STORE__URL=f"{bouncer.url}?search_path=another")
    assert why in said
    assert "[store] url" in said
    assert len(said.splitlines()) == 1, said


async def accepts(node: Node) -> bool:
    status, _ = await node.call("POST", "/", {"uid": "u1", "task": "echo"})
    return status == 202
