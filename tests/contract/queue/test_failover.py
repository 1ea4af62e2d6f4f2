"""A managed Redis fails over behind one name: the old master stays, a replica that still answers.

A connection that is open leads to it for ever, and nothing breaks. Only its refusals tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scheduler.core.ports.queue import Queue
from scheduler.queue import open_queue
from tests.support.eventually import eventually
from tests.support.queues import CHANCE, next_of, one_of, patiently
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.servers.redis import RedisServer
from tests.support.stores import waiting

REFUSALS = {
    "READONLY": ("REPLICAOF", "127.0.0.1", "1"),
    "NOREPLICAS": ("CONFIG", "SET", "min-replicas-to-write", "1"),
    "hangs": (),
    "LOADING": (),
    "MASTERDOWN": (),
    "CLUSTERDOWN": (),
}


@pytest.fixture(name="name")
def name_fixture(own_redis: RedisServer) -> Iterator[Proxy]:
    """The name, which leads to the old master."""
    with in_front_of(own_redis.port) as proxy:
        yield proxy


@asynccontextmanager
async def opened(port: int, namespace: str, node_id: str) -> AsyncIterator[Queue]:
    async with open_queue(
        f"redis://127.0.0.1:{port}/0",
        namespace=namespace,
        node_id=node_id,
        data_dir=Path("unused"),
        random=CHANCE,
    ) as queue:
        yield queue


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refusal_closes_the_connections_and_the_new_ones_find_the_new_master(
    refusal: str, own_redis: RedisServer, redis_server: RedisServer, name: Proxy, namespace: str
) -> None:
    """Also those that wait for ids and messages: nothing else would ever end them."""
    async with opened(name.port, namespace, "a") as queue, asyncio.TaskGroup() as group:
        aborted = group.create_task(next_of(queue.aborts()))
        waiters = group.create_task(patiently(lambda: one_of(queue, wait_s=3600)))
        await eventually(lambda: own_redis.ask("PUBSUB", "CHANNELS"))

        await queue.forgetful()  # as each node asks, once a second
        _refuse(refusal, own_redis, name)
        name.lead_to(redis_server.port)
        await patiently(queue.forgetful)

        async with opened(redis_server.port, namespace, "b") as other:
            channel = f"{{{namespace}}}:aborts:a"
            await eventually(lambda: redis_server.ask("PUBSUB", "NUMSUB", channel)[1], within_s=30)
            await other.announce_abort("1", node_id="a")
            await other.enqueue(waiting("2"))
            assert await aborted == "1"
            assert await waiters == "2"


def _refuse(refusal: str, server: RedisServer, name: Proxy) -> None:
    if words := REFUSALS[refusal]:
        server.command(*words)
    elif refusal == "hangs":
        name.swallow_old()
    else:
        name.lie_old(f"-{refusal} not now\r\n".encode())
