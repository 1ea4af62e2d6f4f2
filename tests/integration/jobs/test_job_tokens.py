"""Jobs use the API of a node that asks for tokens, with a token of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from atlanscheduler_client import AsyncClient
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.process_table import command_of
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer


@pytest.fixture(name="asking", scope="module", params=["sqlite", "postgres"])
def asking_fixture(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A node in mode `tokens`."""
    url = "sqlite"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = asyncio.run(server.empty())
    nodes = Nodes(tmp_path_factory.mktemp("asking"))
    try:
        yield nodes(AUTH__MODE="tokens", STORE__URL=url)
    finally:
        nodes.close()


def admin(node: Node) -> str:
    """The first token."""
    return (node.folder / "data" / "admin-token").read_text().strip()


async def status(node: Node, path: str, token: str) -> int:
    """What a node answers to a token."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(node.url + path, headers={"Authorization": f"Bearer {token}"}) as answer,
    ):
        return answer.status


async def test_a_job_submits_others_with_a_token_of_its_own(asking: Node) -> None:
    """By the client and by the command line; the handler says nothing of it."""
    async with AsyncClient(asking.url, token=admin(asking)) as root:
        job = await root.submit("ada", "submit", ["echo"])
        job = await root.wait("ada", job.id, timeout_s=60)
        assert job.status == "successful", job
        children = [await root.get("ada", each) for each in job.result]
    assert {each.submitted_by for each in children} == {f"job:{job.id}"}
    assert {each.parent for each in children} == {job.id}


async def test_a_job_reads_only_what_is_its_users(asking: Node) -> None:
    """A handler that a user can make ask for anything must not ask for others."""
    async with AsyncClient(asking.url, token=admin(asking)) as root:
        foreign = await root.submit("bob", "echo")
        paths = {
            "/ada": 200,
            "/-/jobs?uid=ada": 200,
            "/bob": 403,
            f"/bob/{foreign.id}": 404,
            f"/bob/{foreign.id}/log": 404,
            "/-/nodes": 403,
            "/-/metrics": 403,
            "/-/tokens": 403,
        }
        job = await root.submit("ada", "statuses", list(paths))
        job = await root.wait("ada", job.id, timeout_s=60)
    assert dict(zip(paths, job.result or [], strict=True)) == paths, job


async def test_a_token_has_no_force_after_the_end_of_its_job(asking: Node) -> None:
    """Another job of the same process gets its own. None of them is shown anywhere."""
    async with AsyncClient(asking.url, token=admin(asking)) as root:
        tokens = []
        for _ in range(2):
            job = await root.submit("ada", "token")
            tokens.append((await root.wait("ada", job.id, timeout_s=60)).result)
    first, second = tokens
    assert first != second
    for token in tokens:

        async def refused(token: str = token) -> bool:
            return await status(asking, "/ada", token) == 401

        await eventually(refused, within_s=30)
        secret = token.rpartition("_")[2]
        assert secret not in asking.log
        assert all(secret not in command_of(pid) for pid in asking.processes())


async def test_every_node_knows_the_token_while_the_job_runs_and_its_clean_up_has_another(
    start_node: Nodes, postgres_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Handlers may be told of the address of a load balancer."""
    shared = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": "job-tokens",
        "AUTH__MODE": "tokens",
    }
    one, two = start_node("one", **shared), start_node("two", **shared)
    file = tmp_path / "token"
    async with AsyncClient(one.url, token=admin(one)) as root:
        job = await root.submit("ada", "hold_token", {"file": str(file)})
        await eventually(file.exists)
        token = file.read_text()
        for node in (one, two):
            assert await status(node, f"/ada/{job.id}", token) == 200
            assert await status(node, f"/ada/{job.id}", token[:-2] + "xx") == 401
        await root.abort("ada", job.id, grace_s=0, wait_s=60, until="over")
    assert (tmp_path / "token.undone").read_text() == "200"
    for node in (one, two):

        async def refused(node: Node = node) -> bool:
            return await status(node, "/ada", token) == 401

        await eventually(refused, within_s=30)


async def test_a_job_cannot_log_in_a_browser(asking: Node, tmp_path: Path) -> None:
    """A session would last for days after the end of the job."""
    file = tmp_path / "token"
    async with AsyncClient(asking.url, token=admin(asking)) as root:
        job = await root.submit("ada", "hold_token", {"file": str(file)})
        await eventually(file.exists)
        answer, _ = await asking.call("POST", "/-/login", {"token": file.read_text()})
        assert answer == 401
        await root.abort("ada", job.id, grace_s=0, wait_s=60, until="over")


async def test_without_tokens_a_job_gets_none_and_never_that_of_the_operator(
    start_node: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who starts a node may have exported the token of an administrator."""
    monkeypatch.setenv("ATLANSCHEDULER_TOKEN", "atl_admin")
    node = start_node()
    assert (await node.outcome("token"))["result"] is None
