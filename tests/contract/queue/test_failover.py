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
from scheduler.queue.redis_queue import RedisQueue
from tests.contract.queue.test_outages import blocked
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
async def opened(port: int, namespace: str, node_id: str) -> AsyncIterator[RedisQueue]:
    async with open_queue(
        f"redis://127.0.0.1:{port}/0",
        namespace=namespace,
        node_id=node_id,
        data_dir=Path("unused"),
        random=CHANCE,
    ) as queue:
        assert isinstance(queue, RedisQueue)
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
        await eventually(lambda: blocked(own_redis) == 1)

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


@pytest.mark.parametrize("refusal", ["READONLY", "NOREPLICAS"])
@pytest.mark.parametrize("is_complete", [False, True])
async def test_a_node_that_writes_nothing_finds_the_new_master(
    refusal: str,
    *,
    is_complete: bool,
    own_redis: RedisServer,
    redis_server: RedisServer,
    name: Proxy,
    namespace: str,
) -> None:
    """One whose workers are all busy: aborts of their jobs must still reach it."""
    async with opened(name.port, namespace, "a") as queue:
        await eventually(lambda: own_redis.ask("PUBSUB", "CHANNELS"))
        await queue.forgetful()
        if is_complete:
            await queue.remember()

        _refuse(refusal, own_redis, name)
        name.lead_to(redis_server.port)
        await patiently(queue.forgetful)

        async with opened(redis_server.port, namespace, "b") as other:
            await _hears(queue, other)


@pytest.mark.parametrize("harm", ["elsewhere", "dropped"])
async def test_a_subscription_on_which_nothing_comes_is_made_anew(
    harm: str,
    own_redis: RedisServer,
    redis_server: RedisServer,
    name: Proxy,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It sends nothing itself, so nothing else would tell.

    Its connection found the old master where all others found the new one, as with a name that is
    cached in several places; or it was dropped on the way, and neither side was told.
    """
    monkeypatch.setattr("scheduler.queue.subscriptions.CHECK_S", 0.1)
    async with opened(name.port, namespace, "a") as queue:
        await eventually(lambda: own_redis.ask("PUBSUB", "CHANNELS"))

        server = own_redis
        if harm == "elsewhere":
            name.lead_to((server := redis_server).port)
        else:
            name.swallow_old()
        own_redis.command("CLIENT", "KILL", "TYPE", "normal")  # those of commands, not this one

        async with opened(server.port, namespace, "b") as other:
            await _hears(queue, other)


async def test_a_message_that_came_before_the_subscription_is_not_missed(
    own_redis: RedisServer, name: Proxy, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was sent while all connections were made anew: no reason to close them again."""
    monkeypatch.setattr("scheduler.queue.subscriptions.CHECK_S", 0.1)
    async with opened(name.port, namespace, "a") as queue:
        sent: list[str] = []

        async def publish_too_early(channel: str, message: str) -> None:
            sent.append(message)
            assert queue.subscriptions._pubsub is not None
            await queue.subscriptions._pubsub.subscribe(channel)

        await eventually(lambda: own_redis.ask("PUBSUB", "CHANNELS"))
        monkeypatch.setattr(queue._server.commands, "publish", publish_too_early)
        await eventually(lambda: len(sent) > 1)
        assert not queue._server._closings


async def _hears(queue: Queue, other: Queue) -> None:
    """Wait until aborts that the other node announces come to node "a"."""

    async def heard() -> bool:
        await other.announce_abort("1", node_id="a")
        return aborted.done()

    async with asyncio.TaskGroup() as group:
        aborted = group.create_task(next_of(queue.aborts()))
        await eventually(heard, within_s=30)
    assert aborted.result() == "1"


def _refuse(refusal: str, server: RedisServer, name: Proxy) -> None:
    if words := REFUSALS[refusal]:
        server.command(*words)
    elif refusal == "hangs":
        name.swallow_old()
    else:
        name.lie_old(f"-{refusal} not now\r\n".encode())
