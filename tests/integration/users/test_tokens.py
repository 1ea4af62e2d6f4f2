"""A node that asks for tokens, used as people and programs do, from the first token on."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from atlanscheduler_client import (
    AsyncClient,
    Client,
    Forbidden,
    NoSuchJob,
    Problem,
    Unauthenticated,
)
from tests.support.commands import Ended, command
from tests.support.nodes import ROOT, Node, Nodes
from tests.support.servers.postgres import PostgresServer
from tests.support.servers.redis import RedisServer

TRUSTING = ROOT / "tests" / "support" / "trusting.py"
HINT = "; give one in ATLANSCHEDULER_TOKEN or by --token"


@pytest.fixture(name="asking", scope="module", params=["sqlite", "postgres"])
def asking_fixture(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    """A node in mode `tokens`, at its first start."""
    store = {"STORE__URL": "sqlite"}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        store = {"STORE__URL": server.url(), "STORE__SCHEMA": f"tokens_{uuid4().hex[:12]}"}
    nodes = Nodes(tmp_path_factory.mktemp("asking"))
    try:
        yield nodes(AUTH__MODE="tokens", **store)
    finally:
        nodes.close()


@pytest.fixture(name="admin")
def admin_fixture(asking: Node) -> str:
    """The first token."""
    return first_token(asking).read_text().strip()


def first_token(node: Node) -> Path:
    return node.folder / "data" / "admin-token"


async def run(node: Node, token: str, *arguments: str) -> Ended:
    """A command with a token in its environment."""
    return await command(node, *arguments, environ={"ATLANSCHEDULER_TOKEN": token})


async def test_the_first_token_is_for_whoever_may_read_the_data(asking: Node, admin: str) -> None:
    """Its path is said, and never itself; a second start makes no other."""
    assert stat.S_IMODE(first_token(asking).stat().st_mode) == 0o600
    assert str(first_token(asking)) in "".join(asking.said_first)
    assert admin not in "".join(asking.said_first) + asking.ready_line + asking.log
    unasked = await command(asking, "tasks")
    assert (unasked.status, unasked.errors.count("\n")) == (9, 1)
    assert "needs a token" in unasked.errors
    assert unasked.errors.endswith(f"{HINT}\n")
    assert (await run(asking, admin, "tasks")).status == 0


async def test_a_token_is_made_used_and_revoked_by_commands(asking: Node, admin: str) -> None:
    """The whole life of a token, with nothing but the command line."""
    made = await run(
        asking, admin, "token", "create", "web", "--role", "user", "--uid", "ada", "--expires", "9d"
    )
    token = made.output.strip()
    assert (made.status, made.output) == (0, f"{token}\n")

    submitted = await run(asking, token, "submit", "ada", "echo", "1")
    assert submitted.status == 0
    foreign = await run(asking, token, "submit", "bob", "echo", "1")
    assert (foreign.status, foreign.output) == (9, "")
    assert foreign.errors == "atlanscheduler: 'web' does not act for the user 'bob'\n"

    listed = (await run(asking, admin, "token", "list")).output
    assert "web" in listed
    assert "expires in 8d" in listed or "expires in 9d" in listed
    revoked = await run(asking, admin, "token", "revoke", token.split("_")[1])
    assert revoked.output == f"{token.split('_')[1]} (web) is revoked\n"
    refused = await run(asking, token, "list", "ada")
    assert (refused.status, refused.errors) == (
        9,
        f"atlanscheduler: the token is unknown, has expired or was revoked{HINT}\n",
    )


async def test_programs_use_tokens(asking: Node, admin: str) -> None:
    """Both clients, and what they may not see looks as if it were not there."""

    def use() -> str:
        with Client(asking.url, token=admin) as root:
            foreign = root.submit("bob", "echo")
            made = root.create_token("ada's", role="user", uids=["ada"])
            assert {"ada's", "first start"} <= {each.name for each in root.tokens()}
        assert made.token not in repr(made)
        with Client(asking.url, token=made.token) as client:
            job = client.submit("ada", "echo", 5)
            assert client.wait("ada", job.id, timeout_s=60).result == 5
            with pytest.raises(NoSuchJob):
                client.get("bob", foreign.id)
            assert {each.uid for each in client.list_all()} == {"ada"}
            with pytest.raises(Forbidden, match="this needs the role operator"):
                client.nodes()
        return made.token

    token = await asyncio.to_thread(use)
    async with AsyncClient(asking.url, token=token) as client:
        job = await client.submit("ada", "echo", 6)
        assert [event async for event in client.watch("ada", job.id)]
    with Client(asking.url) as nobody, pytest.raises(Unauthenticated) as refused:
        nobody.submit("ada", "echo")
    assert refused.value.status == 401


async def test_a_token_from_outside_is_the_first_one(start_node: Nodes) -> None:
    """A container has no file that its user looks into."""
    token = f"atl_{'a1' * 6}_{'s' * 43}"
    node = start_node(AUTH__MODE="tokens", AUTH__ADMIN_TOKEN=token)
    assert (await run(node, token, "nodes")).status == 0
    assert not first_token(node).exists()
    assert node.drain() == 0
    again = start_node(AUTH__MODE="tokens", AUTH__ADMIN_TOKEN=token)
    assert (await run(again, token, "nodes")).status == 0


@pytest.mark.parametrize("program", [None, TRUSTING], ids=["usual", "trusting"])
async def test_a_revoked_token_ends_its_stream_on_another_node(
    program: Path | None,
    start_node: Nodes,
    namespace: str,
    postgres_url: str,
    redis_server: RedisServer,
    tmp_path: Path,
) -> None:
    """Whoever is shut out stops seeing things, wherever he is connected.

    Also on a node that trusts for an hour what it has read of a token: it is told.
    """
    shared = {
        "STORE__URL": postgres_url,
        "QUEUE__URL": redis_server.url,
        "QUEUE__NAMESPACE": namespace,
        "AUTH__MODE": "tokens",
    }
    one = start_node("one", **shared)
    admin = first_token(one).read_text().strip()
    two = start_node.start("two", shared, program=program)
    assert not first_token(two).exists()

    async with AsyncClient(one.url, token=admin) as root:
        made = await root.create_token("spy", role="viewer", uids=["*"])
        async with (
            AsyncClient(two.url, token=made.token) as spy,
            asyncio.TaskGroup() as group,
        ):
            job = await root.submit("ada", "talk_until", {"file": str(tmp_path / "never")})
            seen = asyncio.Event()
            ended = group.create_task(_watched(spy, job.id, seen), name="watch")
            await seen.wait()
            await root.revoke_token(made.id)
            async with asyncio.timeout(30):
                assert await ended == 401
        await root.abort("ada", job.id)


async def _watched(client: AsyncClient, job_id: str, seen: asyncio.Event) -> int:
    """The status with which a stream ends that may not go on."""
    try:
        async for _ in client.watch("ada", job_id):
            seen.set()
    except Problem as refused:
        return refused.status
    return 204
