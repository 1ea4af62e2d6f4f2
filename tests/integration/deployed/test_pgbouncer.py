"""Nodes whose PostgreSQL is behind PgBouncer, in each of its pool modes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.pgbouncer import PgBouncer, PgBouncers, start_pgbouncer
from tests.support.servers.redis import RedisServer

__all__ = ["start_pgbouncer"]

SUBMITS = 40
Start = Callable[[str, PgBouncer], Node]


@pytest.fixture
def member(start_node: Nodes, redis_server: RedisServer, namespace: str) -> Start:
    """Starts a node of one installation whose store is behind a PgBouncer."""

    def start(name: str, bouncer: PgBouncer) -> Node:
        return start_node(
            name,
            NODE__NAME=name,
            STORE__URL=bouncer.url,
            QUEUE__URL=redis_server.url,
            QUEUE__NAMESPACE=namespace,
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
