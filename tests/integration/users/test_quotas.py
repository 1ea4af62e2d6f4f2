"""Quotas on running nodes, as users meet them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.commands import command
from tests.support.nodes import Node, Nodes
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer

QUOTAS = '{"*" = {queued_max = 5}, "team-a.*" = {submits_per_s = 0.01}}'
CALLS = 20


@pytest.fixture(name="limited", scope="module", params=["sqlite", "postgres"])
def limited_fixture(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A node with quotas, on each store."""
    store = {"STORE__URL": "sqlite"}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        store = {"STORE__URL": server.url(), "STORE__SCHEMA": f"quotas_{uuid4().hex[:12]}"}
    nodes = Nodes(tmp_path_factory.mktemp("limited"))
    try:
        yield nodes(QUOTAS=QUOTAS, NODE__WORKERS=1, **store)
    finally:
        nodes.close()


async def submit(node: Node, uid: str) -> int:
    """Submit a job that does not end by itself; the status."""
    data = {"file": str(node.folder / "file")}
    status, _ = await node.call("POST", "/", {"uid": uid, "task": "wait", "data": data})
    return status


async def usage(node: Node, uid: str) -> tuple[int, int]:
    _, found = await node.call("GET", f"/-/usage/{uid}")
    return found["queued"], found["running"]


async def test_a_flood_of_one_user_leaves_room_for_others_and_for_aborts(limited: Node) -> None:
    """One runs, five wait, the rest is refused; and then all of it is aborted at once."""
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(submit(limited, "ada"), name="submit") for _ in range(CALLS)]
    assert {call.result() for call in calls} == {202, 429}
    assert await submit(limited, "bob") == 202
    queued, running = await usage(limited, "ada")
    assert 4 <= queued <= 5
    assert running <= 1

    status, aborts = await limited.call("DELETE", "/ada")
    assert (status, aborts["aborted"] + aborts["aborting"]) == (200, queued + running)
    assert await submit(limited, "ada") == 202


async def test_two_nodes_together_never_exceed_the_maximum(
    start_node: Nodes, redis_server: RedisServer, postgres_url: str
) -> None:
    """The store counts, not a node: twenty submissions at once, ten to each."""
    shared = {"STORE__URL": postgres_url, "QUEUE__URL": redis_server.url, "QUOTAS": QUOTAS}
    nodes = [
        start_node(name, NODE__NAME=name, NODE__WORKERS=1, **shared) for name in ("one", "two")
    ]
    for node in nodes:  # both workers are busy: from now on all others wait
        assert await submit(node, "bob") == 202
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(submit(nodes[number % 2], "ada"), name="submit")
            for number in range(CALLS)
        ]
    assert sorted(call.result() for call in calls) == [202] * 5 + [429] * 15
    assert await usage(nodes[0], "ada") == await usage(nodes[1], "ada") == (5, 0)


async def test_commands_show_use_and_say_what_is_refused(limited: Node) -> None:
    """Whoever is refused reads why, and how much there is, without another page."""
    first = await command(limited, "submit", "team-a.ada", "echo", "1")
    assert first.status == 0
    refused = await command(limited, "submit", "team-a.ada", "echo", "1")
    assert (refused.status, refused.output) == (1, "")
    assert refused.errors.startswith(
        "atlanscheduler: user 'team-a.ada' submits faster than submits_per_s = 0.01 of"
        ' [quotas."team-a.*"]; try again in '
    )
    shown = (await command(limited, "usage", "team-a.ada")).output
    assert "at most 0.01 a second on each node" in shown
    assert '[quotas."team-a.*"]' in shown
    shown = (await command(limited, "usage", "eve")).output
    assert "queued   0 of at most 5" in shown
