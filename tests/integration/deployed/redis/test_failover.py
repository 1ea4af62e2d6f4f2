"""Redis with Sentinel, and a Redis Cluster: another server becomes the master, under load.

`pytest -s` prints how long submissions and starts of jobs paused: the figures in docs/operating.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.integration.deployed.redis.load import under_load
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.redis import RedisServer
from tests.support.servers.redis_groups import RedisCluster, SentinelGroup

NAMESPACE = "scheduler"
SETTLES_S = 60.0
LOOK_S = 0.2


def kill(group: SentinelGroup, before: RedisServer) -> None:
    before.stop()
    group.another_than(before)
    before.start()


def freeze(group: SentinelGroup, before: RedisServer) -> None:
    """The old master comes back, and goes on as one until the sentinels tell it otherwise."""
    before.freeze()
    group.another_than(before)
    before.thaw()


def choose(group: SentinelGroup, _before: RedisServer) -> None:
    group.fail_over()


@pytest.mark.parametrize("fail_over", [kill, freeze, choose])
async def test_a_failover_by_sentinels_loses_nothing_and_repeats_nothing(
    fail_over: Callable[[SentinelGroup, RedisServer], None],
    start_node: Nodes,
    own_sentinels: SentinelGroup,
) -> None:
    """What was answered with 202 is in the store; the queue has only hints."""
    node = start_node(QUEUE__URL=own_sentinels.url, QUEUE__IDLE_WINDOW_S=1)
    await _survives(
        node,
        lambda: fail_over(own_sentinels, own_sentinels.master),
        lambda: own_sentinels.master,
        f"Sentinel, {fail_over.__name__}",
    )


def kill_in_cluster(cluster: RedisCluster) -> None:
    before = cluster.master_of(NAMESPACE)
    before.stop()
    cluster.another_than(before, NAMESPACE)
    before.start()


def freeze_in_cluster(cluster: RedisCluster) -> None:
    before = cluster.master_of(NAMESPACE)
    before.freeze()
    cluster.another_than(before, NAMESPACE)
    before.thaw()


def choose_in_cluster(cluster: RedisCluster) -> None:
    cluster.fail_over(NAMESPACE)


def move_the_slot(cluster: RedisCluster) -> None:
    for _ in cluster.move(NAMESPACE):
        """In the middle of it, keys that are not there yet are answered with ASK."""


@pytest.mark.parametrize(
    "fail_over", [kill_in_cluster, freeze_in_cluster, choose_in_cluster, move_the_slot]
)
async def test_a_failover_in_a_cluster_loses_nothing_and_repeats_nothing(
    fail_over: Callable[[RedisCluster], None], start_node: Nodes, own_cluster: RedisCluster
) -> None:
    """The same, where a slot gets another master."""
    node = start_node(QUEUE__URL=own_cluster.url, QUEUE__IDLE_WINDOW_S=1)
    await _survives(
        node,
        lambda: fail_over(own_cluster),
        lambda: own_cluster.master_of(NAMESPACE),
        f"Cluster, {fail_over.__name__}",
    )


async def test_jobs_run_while_a_slot_is_half_moved(
    start_node: Nodes, own_cluster: RedisCluster
) -> None:
    """Its old master answers ASK for whatever is not there; nobody waits for the rest."""
    node = start_node(QUEUE__URL=own_cluster.url, QUEUE__IDLE_WINDOW_S=1)
    moving = own_cluster.move(NAMESPACE)
    next(moving)
    assert (await node.outcome("echo", 1))["status"] == "successful"
    assert next(moving, None) is None

    await _settled(node, lambda: own_cluster.master_of(NAMESPACE))
    assert (await node.outcome("echo", 1))["status"] == "successful"


async def _survives(
    node: Node, fail_over: Callable[[], None], master: Callable[[], RedisServer], what: str
) -> None:
    await _settled(node, master)
    async with under_load(node) as load:
        await asyncio.sleep(0.5)  # of load before, so that the pauses can be seen
        await asyncio.to_thread(fail_over)
        await _settled(node, master)
        await asyncio.sleep(0.5)
    assert {(job["status"], job["attempt"]) for job in load.ended} == {("successful", 1)}
    told = [line for line in node.log.splitlines() if "the queue is" in line]
    assert len(told) <= 4, told  # a frozen master fails twice: when it freezes, and when it is back
    print(  # noqa: T201 - a measurement, for whoever runs it with -s
        f"\n{what}: submits paused {load.submits_paused_s:.2f} s,"
        f" starts {load.starts_paused_s:.2f} s, {len(load.jobs)} jobs"
    )


async def _settled(node: Node, master: Callable[[], RedisServer]) -> None:
    """Wait until the node is at home at the master; each look opens connections."""

    async def is_so() -> bool:
        await asyncio.sleep(LOOK_S)
        return _is_home(node, master())

    await eventually(is_so, within_s=SETTLES_S)


def _is_home(node: Node, master: RedisServer) -> bool:
    """Whether the node listens on this server, and has told it every id."""
    assert node.process.poll() is None, node.log[-4000:]
    listens = master.ask("PUBSUB", "NUMSUB", *master.ask("PUBSUB", "CHANNELS", "{*}:aborts:*"))
    run_id = master.ask("INFO", "server").partition("run_id:")[2].partition("\r")[0]
    return bool(listens) and master.ask("GET", f"{{{NAMESPACE}}}:complete") == run_id
