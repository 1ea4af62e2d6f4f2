"""Sentinels and nodes of a cluster that are gone, hang or are something else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scheduler.core.errors import QueueUnavailable
from scheduler.core.ports.queue import Queue
from scheduler.queue import open_queue
from tests.support.queues import CHANCE, one_of, patiently
from tests.support.servers.ports import free_port
from tests.support.servers.proxy import in_front_of
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_groups import RedisCluster, SentinelGroup
from tests.support.stores import waiting


@asynccontextmanager
async def opened(url: str, namespace: str) -> AsyncIterator[Queue]:
    async with open_queue(
        url, namespace=namespace, node_id="a", data_dir=Path("unused"), random=CHANCE
    ) as queue:
        yield queue


async def test_one_sentinel_that_answers_suffices(
    sentinel_group: SentinelGroup, namespace: str
) -> None:
    """One is gone, one hangs: a failover is when that happens."""
    with in_front_of(sentinel_group.sentinels[0].port) as hanging:
        hanging.swallow()
        port = sentinel_group.sentinels[1].port
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{hanging.port},127.0.0.1:{port}"
        async with opened(f"redis+sentinel://{hosts}/main", namespace) as queue:
            await queue.enqueue(waiting("1"))
            assert await one_of(queue, wait_s=30) == "1"


async def test_one_node_of_a_cluster_that_answers_suffices(
    redis_cluster: RedisCluster, namespace: str
) -> None:
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{redis_cluster.servers[4].port}"
    async with opened(f"redis+cluster://{hosts}", namespace) as queue:
        await queue.enqueue(waiting("1"))
        assert await one_of(queue, wait_s=30) == "1"


async def test_the_other_masters_of_a_cluster_are_learnt(
    redis_cluster: RedisCluster, namespace: str
) -> None:
    """All that the configuration names may be replaced in the years that a node runs."""
    with in_front_of(redis_cluster.servers[0].port) as first:
        async with opened(f"redis+cluster://127.0.0.1:{first.port}", namespace) as queue:
            first.cut()
            redis_cluster.master_of(namespace).command("CLIENT", "KILL", "TYPE", "normal")
            await patiently(lambda: queue.enqueue(waiting("1")))


@pytest.mark.parametrize(
    ("form", "path", "told"),
    [
        ("redis+sentinel", "/main", "unknown command"),
        ("redis+cluster", "", "cluster support disabled"),
    ],
)
async def test_a_server_that_is_no_sentinel_and_in_no_cluster_says_so(
    form: str, path: str, told: str, redis_server: RedisServer, namespace: str
) -> None:
    with pytest.raises(QueueUnavailable, match=told):
        async with opened(f"{form}://127.0.0.1:{redis_server.port}{path}", namespace):
            pass


async def test_a_service_that_no_sentinel_knows_is_named(
    sentinel_group: SentinelGroup, namespace: str
) -> None:
    with pytest.raises(QueueUnavailable, match="this sentinel has no master 'other'") as refused:
        async with opened(
            sentinel_group.url.replace("//", "//:secret@").replace("/main", "/other"), namespace
        ):
            pass
    assert "secret" not in str(refused.value)
