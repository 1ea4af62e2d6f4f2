"""What only PostgreSQL can get wrong: two nodes that act on the ends of jobs at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from scheduler.store import open_store
from tests.contract.dependencies.test_successors import behind, ended, resolve
from tests.support.eventually import eventually
from tests.support.servers.postgres import PostgresServer
from tests.support.stores import end, later, new, node, queued

SOON_S = 0.3
A_SLOW_LOOK_AT_LOGS = """
ALTER TABLE logs RENAME TO kept_logs;
CREATE FUNCTION a_turn() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN true; END $$;
CREATE VIEW logs AS SELECT * FROM kept_logs WHERE a_turn();
"""
"""Statements that read logs wait for the lock 1 in the middle."""


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


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_deletion_sees_what_comes_to_wait_while_it_looks(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path, earlier: int
) -> None:
    """Else the job would wait for ever: with the old one its edge is gone, and nobody closes it."""
    schema = postgres_url.rpartition("=")[2]
    async with (
        open_store(postgres_url, data_dir=tmp_path) as store,
        postgres_server.connection(schema=schema) as other,
    ):
        first = await queued(store)
        over = [await behind(store, first) for _ in range(earlier)]
        await ended(store, first)
        await resolve(store)
        for each in over:
            await ended(store, each.id)
        await other.execute("INSERT INTO logs VALUES ($1, 0, 0, 0, 1, '')", first)
        await other.execute(A_SLOW_LOOK_AT_LOGS)
        await other.execute("SELECT pg_advisory_lock(1)")

        async with asyncio.TaskGroup() as group:
            deleting = group.create_task(store.delete_finished(before=later(99), limit=9))
            await eventually(lambda: _somebody_waits(other))
            job = await behind(store, first)
            await other.execute("SELECT pg_advisory_unlock(1)")

        assert await resolve(store) == ([job.id], [])
        assert await store.get(first) is not None
        assert deleting.result() == earlier


async def _somebody_waits(connection: asyncpg.Connection) -> bool:
    return bool(await connection.fetchval("SELECT bool_or(NOT granted) FROM pg_locks"))
