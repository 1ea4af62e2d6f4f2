"""Redis cut, frozen, emptied, restarted, read-only or full: logged once, survived, recovered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.nodes import Nodes
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.servers.redis import RedisServer


@dataclass(frozen=True)
class Outage:
    """How a server fails, and the line that the log then has once."""

    begin: Callable[[RedisServer, Proxy], object]
    end: Callable[[RedisServer, Proxy], object]
    told: str = "the queue is away"


def is_known(server: RedisServer) -> bool:
    """Whether a node has declared that this run of the server has all ids."""
    epoch = server.ask("GET", "{scheduler}:complete")
    return bool(epoch) and " " not in epoch


def nothing(_server: RedisServer, _proxy: Proxy) -> None:
    """It ends by itself."""


OUTAGES = {
    "cut": Outage(lambda _, proxy: proxy.cut(), lambda _, proxy: proxy.heal()),
    "frozen": Outage(lambda server, _: server.freeze(), lambda server, _: server.thaw()),
    "emptied": Outage(
        lambda server, _: server.command("FLUSHALL"),
        nothing,
        told="waiting jobs are enqueued anew",
    ),
    "restarted": Outage(lambda server, _: server.stop(), lambda server, _: server.start()),
    "read-only": Outage(
        lambda server, _: server.command("REPLICAOF", "127.0.0.1", "1"),
        lambda server, _: server.command("REPLICAOF", "NO", "ONE"),
    ),
    "full": Outage(
        lambda server, _: server.command("CONFIG", "SET", "maxmemory", "1"),
        lambda server, _: server.command("CONFIG", "SET", "maxmemory", "0"),
    ),
}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_jobs_and_users_hardly_notice(
    outage: Outage, start_node: Nodes, own_redis: RedisServer, tmp_path: Path
) -> None:
    """Submits are accepted, running jobs go on, aborts work; and the log is not flooded."""
    with in_front_of(own_redis.port) as proxy:
        node = start_node(
            QUEUE__URL=f"redis://127.0.0.1:{proxy.port}/0",
            QUEUE__IDLE_WINDOW_S=1,
            NODE__WORKERS=2,
        )
        runs_on, is_aborted = tmp_path / "runs on", tmp_path / "is aborted"
        jobs = [await node.submit("until", {"file": str(file)}) for file in (runs_on, is_aborted)]
        await eventually(lambda: runs_on.exists() and is_aborted.exists())
        await eventually(lambda: is_known(own_redis))
        told_before = node.log.count(outage.told)

        outage.begin(own_redis, proxy)
        order = [{"uid": "u1", "task": "echo", "data": number} for number in range(3)]
        status, meanwhile = await node.call("POST", "/", order)
        assert status == 202
        status, aborted = await node.abort(jobs[1], "grace_s=0&wait=20")
        assert (status, aborted["status"]) == (200, "aborted")
        assert (await node.job(meanwhile[0], wait_s=20))["status"] == "successful"
        await eventually(lambda: node.log.count(outage.told) == told_before + 1, within_s=20)
        assert (await node.job(jobs[0]))["status"] == "running"

        outage.end(own_redis, proxy)
        runs_on.unlink()
        for job in (jobs[0], *meanwhile):
            found = await node.job(job, wait_s=20)
            assert (found["status"], found["attempt"]) == ("successful", 1)
        assert node.log.count(outage.told) == told_before + 1


async def test_the_end_of_an_outage_is_logged_as_well(
    start_node: Nodes, own_redis: RedisServer
) -> None:
    with in_front_of(own_redis.port) as proxy:
        node = start_node(QUEUE__URL=f"redis://127.0.0.1:{proxy.port}/0", QUEUE__IDLE_WINDOW_S=1)
        await eventually(lambda: is_known(own_redis))
        proxy.cut()
        await eventually(lambda: "the queue is away" in node.log)
        proxy.heal()
        await eventually(lambda: "the queue is back" in node.log, within_s=30)
        assert node.log.count("the queue is back") == 1
