"""A user of Redis with the least rights that suffice, and what is told where they do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.queue import open_queue
from tests.integration.nodes.test_node import refusal
from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Node, Nodes
from tests.support.queues import CHANCE
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_groups import RedisCluster
from tests.support.sse import listening

NAME = "atlanscheduler"


def rights() -> list[str]:
    """The command in the docs that makes the user, as words."""
    [line] = re.findall(r"^ACL SETUSER .*$", (ROOT / "docs" / "redis.md").read_text(), re.MULTILINE)
    return list(line.split())


def url(server: RedisServer) -> str:
    return server.url.replace("//", f"//{NAME}:secret@")


async def test_a_user_with_the_rights_in_the_docs_suffices(
    own_redis: RedisServer, start_node: Nodes, begun: Path, tmp_path: Path
) -> None:
    """Submit, run, abort, follow, drain and start again; the server refuses nothing meanwhile."""
    own_redis.ask(*rights())
    node = start_node(QUEUE__URL=url(own_redis), QUEUE__IDLE_WINDOW_S=1)
    await _use(node, begun)
    assert node.drain() == 0, node.log

    again = start_node("again", QUEUE__URL=url(own_redis), STORE__URL=_store(node))
    await _use(again, tmp_path / "again begun")
    own_redis.ask("FLUSHALL")
    own_redis.ask("SCRIPT", "FLUSH")
    assert (await again.outcome("echo", 1))["status"] == "successful"
    await eventually(lambda: again.log.count("waiting jobs are enqueued anew") >= 1)
    assert own_redis.ask("ACL", "LOG") == []
    assert "the queue is away" not in node.log + again.log


async def _use(node: Node, begun: Path) -> None:
    async with listening(f"{node.url}/-/events") as seen:
        await seen.begun()
        job = await node.submit("until", {"file": str(begun)})
        await eventually(begun.exists)
        assert (await node.abort(job))[1]["status"] == "aborted"
        assert (await node.outcome("echo", 1))["status"] == "successful"
        await seen.until(lambda event: str(event) == "successful")


def _store(node: Node) -> str:
    return f"sqlite:///{node.folder / 'data' / 'scheduler.db'}"


async def test_each_right_that_is_missing_is_named_at_the_start(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    """Else the node would start, and jobs would not, or aborts would be late."""
    needed = [word for word in rights() if word.startswith("+")]
    for right in needed:
        own_redis.ask(*rights(), f"-{right[1:]}")
        with pytest.raises(StartError, match=r"^\[queue\] url: ") as refused:
            await _open(url(own_redis), tmp_path)
        assert right[1:].partition("|")[0] in str(refused.value).lower()


@pytest.mark.parametrize("right", ["resetkeys", "resetchannels"])
async def test_keys_and_channels_that_are_not_allowed_are_named_at_the_start(
    right: str, own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.ask(*rights(), right)
    with pytest.raises(StartError, match=r"refuses (DEL|PUBLISH): .*docs/redis\.md"):
        await _open(url(own_redis), tmp_path)


async def test_a_node_without_a_right_says_so_in_one_line(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    own_redis.ask(*rights(), "-blpop")
    said = await refusal(tmp_path, QUEUE__URL=url(own_redis))

    assert "refuses BLPOP: " in said
    assert "has no permissions to run the 'blpop' command" in said
    assert "secret" not in said


async def test_the_plain_url_of_a_cluster_names_the_one_that_works(
    redis_cluster: RedisCluster, tmp_path: Path
) -> None:
    """A node of it that has another slot refuses every command."""
    owner = redis_cluster.master_of("scheduler")
    other = next(each for each in redis_cluster.servers[:3] if each is not owner)
    said = await refusal(tmp_path, QUEUE__URL=f"redis://127.0.0.1:{other.port}/0")

    assert "with redis+cluster:// in place of redis:// it is found" in said


async def _open(address: str, folder: Path) -> None:
    async with open_queue(
        address, namespace="scheduler", node_id="a", data_dir=folder, random=CHANCE
    ):
        pass
