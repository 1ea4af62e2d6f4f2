"""The few connections for commands are shared by any number of callers."""

from __future__ import annotations

import asyncio

from scheduler.queue.connections import CONNECTIONS_MAX
from scheduler.queue.server import Server, open_server
from tests.support.servers.redis import RedisServer, own_redis_fixture  # noqa: F401

CALLERS = 20 * CONNECTIONS_MAX


async def test_callers_that_outnumber_the_connections_are_all_answered(
    own_redis: RedisServer,
) -> None:
    """A connection that is given back without a word to those in line would leave them waiting."""
    async with open_server(own_redis.url, key="k") as server:
        for _ in range(3):  # first they connect, then they find connections that are open
            await push_all(server)
        assert await server.commands.llen("k") == 3 * CALLERS

        pool = server.commands.connection_pool
        assert len(pool._available_connections) == CONNECTIONS_MAX
        assert not pool._in_use_connections


async def test_callers_that_give_up_take_no_connection_with_them(own_redis: RedisServer) -> None:
    async with open_server(own_redis.url, key="k") as server:
        await push_all(server)
        for turns in range(8):
            async with asyncio.TaskGroup() as group:
                calls = [group.create_task(push(server)) for _ in range(CALLERS)]
                for _ in range(turns):
                    await asyncio.sleep(0)
                for call in calls:
                    call.cancel()

        assert not server.commands.connection_pool._in_use_connections
        await push_all(server)


async def push_all(server: Server) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(push(server))


async def push(server: Server) -> None:
    async with server.answering(within_s=60):  # all of them together, on a busy machine
        await server.commands.rpush("k", "1")
