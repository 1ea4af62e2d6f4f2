"""PostgreSQL out of reach: what is refused, what goes on, and what is settled afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.proxy import Proxy, in_front_of

ANSWER_S = 20.0
"""The store's own timeouts for a connection and an answer, and some slack."""


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[Proxy]:
    with in_front_of(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(postgres_url: str, postgres_server: PostgresServer, proxy: Proxy) -> str:
    """The URL of an empty store for one test, through the proxy."""
    return postgres_url.replace(f":{postgres_server.port}/", f":{proxy.port}/")


async def refused(node: Node) -> None:
    """Check that a submit is refused in time, with the time to try again."""
    timeout = aiohttp.ClientTimeout(ANSWER_S)
    body = {"uid": "u1", "task": "echo", "data": 1}
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(node.url, json=body) as answer,
    ):
        assert answer.status == 503, await answer.text()
        assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("how", ["swallow", "cut"])
async def test_jobs_outlive_an_outage_within_the_lease_and_their_results_are_kept(
    how: str,
    start_node: Nodes,
    proxy: Proxy,
    through: str,
    tmp_path: Path,
) -> None:
    """What was accepted is neither lost nor run again; what cannot be accepted is refused."""
    node = start_node(STORE__URL=through, NODE__LEASE_S=60)
    ends_meanwhile, ends_after = tmp_path / "meanwhile", tmp_path / "after"
    jobs = [
        await node.submit("until", {"file": str(file)}) for file in (ends_meanwhile, ends_after)
    ]
    await eventually(lambda: ends_meanwhile.exists() and ends_after.exists())

    getattr(proxy, how)()
    ends_meanwhile.unlink()
    async with asyncio.TaskGroup() as clients:
        for _ in range(3):
            clients.create_task(refused(node))
    assert node.log.count("the store is away") == 1
    proxy.heal()

    ends_after.unlink()
    for job in jobs:
        found = await node.job(job, wait_s=30)
        assert (found["status"], found["attempt"]) == ("successful", 1)
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert node.log.count("the store is away") == 1
    strange = [line for line in node.log.splitlines() if not line.startswith("{")]
    assert not strange, "the driver's own tracebacks, where whoever collects logs reads JSON lines"


async def test_the_server_half_closes_and_nothing_is_lost(
    start_node: Nodes, proxy: Proxy, through: str
) -> None:
    """The next statements use new connections."""
    node = start_node(STORE__URL=through)
    assert (await node.outcome("echo", 1))["status"] == "successful"
    proxy.half_close()
    answers = [await node.call("POST", "/", {"uid": "u1", "task": "echo"}) for _ in range(20)]
    accepted = [job for status, job in answers if status == 202]
    assert len(accepted) >= 10
    for job in accepted:
        assert (await node.job(job, wait_s=30))["status"] == "successful"


async def test_a_slow_network_only_takes_longer(
    start_node: Nodes, proxy: Proxy, through: str
) -> None:
    node = start_node(STORE__URL=through)
    proxy.delay_s = 0.1
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert "away" not in node.log
