"""Whatever is done to the queue's server, the node lives, runs jobs and aborts them.

The suite does a little of it, and the same each time; `SECONDS=60 make fuzz` goes on for a minute,
with another seed each time.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp
import pytest
import redis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.fuzz.queue_harms import MENDING, Harm, Words, harms
from tests.support.eventually import eventually
from tests.support.nodes import Node, Nodes
from tests.support.servers.proxy import Proxy, in_front_of
from tests.support.servers.redis import RedisServer

SECONDS: Final = float(os.environ.get("SECONDS", "0"))
EXAMPLES: Final = 3
NAMESPACE: Final = "fuzz"
LIES_S: Final = 0.3
"""How long the node is lied to: some of each of its calls fall into it."""
WORKS_S: Final = 30.0
LINES_MAX: Final = 60
"""Log lines for one example: those of its jobs, and a few about the outage."""


class Town:
    """A node, its server, and a follower of all changes, without whom the node reads none."""

    def __init__(self, node: Node, server: RedisServer, proxy: Proxy, folder: Path) -> None:
        self.node = node
        self._server = server
        self._proxy = proxy
        self._folder = folder

    async def suffer(self, done: Sequence[Harm]) -> None:
        """Do all of it, then mend what would keep any client out."""
        for harm in done:
            if harm.lie:
                self._proxy.lie(harm.lie)
                await asyncio.sleep(LIES_S)
                self._proxy.lie(None)
            else:
                self._send(harm.command)
        await asyncio.sleep(LIES_S)
        for command in MENDING:
            self._send(command)

    async def must_work(self) -> None:
        """Run a job to its end, and abort one that runs."""
        assert self.node.process.poll() is None, self.node.log[-6000:]
        ran = await self.node.submit("echo", 1)
        begun = self._folder / uuid4().hex
        runs = await self.node.submit("until", {"file": str(begun)})
        await eventually(begun.exists, within_s=WORKS_S, saying="the job begins")
        assert (await self.node.abort(runs))[1]["status"] == "aborted"
        assert (await self.node.job(ran, wait_s=WORKS_S))["status"] == "successful"

    def lines(self) -> int:
        return self.node.log.count("\n")

    def _send(self, words: Words) -> None:
        for password in (None, "secret"):
            with (
                suppress(redis.ResponseError, redis.ConnectionError),
                redis.Redis(port=self._server.port, password=password, socket_timeout=5) as client,
            ):
                client.response_callbacks.clear()
                client.execute_command(*words)
                return


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of huge entries
@pytest.mark.timeout(180 + 3 * SECONDS)
def test_whatever_is_done_to_the_queue_the_node_lives_and_works(
    start_node: Nodes, own_redis: RedisServer, tmp_path: Path
) -> None:
    """The store is the truth: nobody who can write to Redis can end a node or lose a job."""
    with in_front_of(own_redis.port) as proxy, asyncio.Runner() as runner:
        node = start_node(**_settings(proxy))
        town = Town(node, own_redis, proxy, tmp_path)
        _, nodes = runner.run(node.call("GET", "/-/nodes"))

        fuzz = _fuzz(
            lambda done: runner.run(_example(town, done)), harms(NAMESPACE, nodes[0]["id"])
        )
        ends_at = time.monotonic() + SECONDS
        fuzz()
        while time.monotonic() < ends_at:
            fuzz()
        node.kill()
        own_redis.command("DEL", f"{{{NAMESPACE}}}:store")  # which may name another store now
        again = Town(start_node(**_settings(proxy)), own_redis, proxy, tmp_path)
        runner.run(again.must_work())


def _fuzz(
    run: Callable[[Sequence[Harm]], None], those: SearchStrategy[list[Harm]]
) -> Callable[[], None]:
    """What runs some examples: always the same, or others each time."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=not SECONDS,
        database=None,
        deadline=None,
        print_blob=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(done=those)
    def fuzz(done: Sequence[Harm]) -> None:
        run(done)

    return fuzz


async def _example(town: Town, done: Sequence[Harm]) -> None:
    before = town.lines()
    async with _following(town.node):
        await town.suffer(done)
        await town.must_work()
    told = town.lines() - before
    assert told < LINES_MAX, town.node.log[-6000:]


@asynccontextmanager
async def _following(node: Node) -> AsyncIterator[None]:
    async def follow() -> None:
        async with aiohttp.ClientSession() as session, session.get(f"{node.url}/-/events") as got:
            async for _ in got.content.iter_any():
                pass

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follow())
        yield
        following.cancel()


def _settings(proxy: Proxy) -> dict[str, Any]:
    return {
        "QUEUE__URL": f"redis://127.0.0.1:{proxy.port}/0",
        "QUEUE__NAMESPACE": NAMESPACE,
        "QUEUE__IDLE_WINDOW_S": 1,
        "NODE__NAME": "fuzzed",
    }
