"""What only PostgreSQL can get wrong: two nodes that act on the ends of jobs at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scheduler.store import open_store
from tests.contract.dependencies.test_successors import behind, ended, resolve
from tests.support.servers.postgres import PostgresServer
from tests.support.stores import end, later, new, node, queued

SOON_S = 0.3


async def test_of_two_who_close_the_last_edges_to_a_job_the_later_one_lets_it_go(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """Each of them would see the edge that the other one has not closed yet."""
    schema = postgres_url.rpartition("=")[2]
    async with (
        open_store(postgres_url, data_dir=tmp_path) as store,
        postgres_server.connection(schema=schema) as other,
    ):
        await store.register(node())
        first, second = new(), new()
        await store.insert([first, second])
        job = await behind(store, first.id, second.id)
        claims = await store.claim([second.id], node_id="a1", at=later(1))
        await store.settle([end(each, ended_s=2) for each in claims])
        await ended(store, first.id)

        async with asyncio.TaskGroup() as group, other.transaction():
            # As another node does: it has locked the job, closed an edge, and seen the other one.
            await other.execute("SELECT id FROM jobs WHERE id = $1 FOR UPDATE", job.id)
            await other.execute("UPDATE edges SET is_open = false WHERE parent = $1", first.id)
            resolving = group.create_task(store.dependencies.resolve(limit=1))
            await asyncio.wait({resolving}, timeout=SOON_S)

        freed, _ = await resolve(store)
        assert [*(each.id for each in resolving.result().freed), *freed] == [job.id]


async def test_what_is_over_is_not_written_once_more(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    """Its row is in many indexes: with ten thousand before one job, that took most of the time."""
    schema = postgres_url.rpartition("=")[2]
    async with (
        open_store(postgres_url, data_dir=tmp_path) as store,
        postgres_server.connection(schema=schema) as look,
    ):
        first = await queued(store)
        job = await behind(store, first)
        await ended(store, first)
        version = "SELECT xmin::text FROM jobs WHERE id = $1"
        before = await look.fetchval(version, first)

        assert await resolve(store) == ([job.id], [])

        assert await look.fetchval(version, first) == before
        assert await look.fetchval("SELECT count(*) FROM awaited_ends") == 0
