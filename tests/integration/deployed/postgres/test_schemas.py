"""`[store] schema`: an installation in a schema of its own, whatever the session's search path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from scheduler.core.errors import StartError
from scheduler.core.ports.store import Store
from scheduler.store import open_store
from scheduler.store.postgres_schema import LOCK, MIGRATION_LOCK
from scheduler.store.statements import Dialect, statements
from tests.integration.deployed.postgres.place import Place
from tests.integration.nodes.test_node import refusal
from tests.support.nodes import Nodes
from tests.support.stores import BYTES_MAX, claimed, end, known, new, node, queued

NO_PATH = "pg_catalog"
"""A search path by which no unqualified name is found, as behind a pooler that passes none on."""


@asynccontextmanager
async def opened(
    place: Place, folder: Path, schema: str, *, role: str = "", search_path: str = "public"
) -> AsyncIterator[Store]:
    url = place.url(role or place.owner, search_path=search_path)
    async with open_store(url, data_dir=folder, schema=schema) as store:
        yield store


async def test_two_installations_in_one_database_do_not_see_each_other(
    place: Place, tmp_path: Path
) -> None:
    """One for trying things out beside the real one, where the host gives one database."""
    async with opened(place, tmp_path, "one") as one, opened(place, tmp_path, "Two-2") as two:
        job_id = await queued(one)
        await one.register(node())

        assert one.identity != two.identity
        assert await two.get(job_id) is None
        assert list(await two.nodes()) == []
        assert list(await two.page("u1", limit=9, bytes_max=BYTES_MAX)) == []

    async with opened(place, tmp_path, "one") as again:
        assert await known(again, job_id)
        assert again.identity == one.identity
    async with place.connection() as connection:
        assert not await connection.fetch("SELECT FROM pg_tables WHERE schemaname = 'public'")


async def test_two_nodes_in_two_schemas_run_their_own_jobs(place: Place, start_node: Nodes) -> None:
    """With hooks, logs, progress and aborts, which are in tables of their own."""
    nodes = [
        start_node(name, STORE__URL=place.url(place.owner), STORE__SCHEMA=name, NODE__WORKERS=1)
        for name in ("first", "second")
    ]
    for each in nodes:
        done = await each.outcome("echo", each.url, hook="http://127.0.0.1:9/")
        assert done["result"] == each.url
        _, jobs = await each.call("GET", "/u1")
        assert [job["id"] for job in jobs] == [done["id"]]
        _, members = await each.call("GET", "/-/nodes")
        assert len(members) == 1
        assert each.drain() == 0


async def test_no_statement_needs_a_search_path(place: Place, tmp_path: Path) -> None:
    """PgBouncer passes none on, and a session's own is another one after each transaction."""
    async with opened(place, tmp_path, "jobs", search_path=NO_PATH):
        pass
    async with place.connection() as connection:
        await connection.execute("SET search_path TO pg_catalog")
        for name, statement in statements(Dialect.POSTGRESQL, schema="jobs").items():
            await connection.execute(f"PREPARE {name}_ AS {statement.text}")
            count = max(map(int, re.findall(r"\$(\d)", statement.text)), default=0)
            arguments = f"({', '.join(['NULL'] * count)})" if count else ""
            await connection.execute(f"EXPLAIN EXECUTE {name}_{arguments}")


async def test_an_end_calls_its_hook_without_a_search_path(place: Place, tmp_path: Path) -> None:
    """The trigger is in the schema, too. Of a database that had none so far, as well."""
    async with opened(place, tmp_path, ""):
        pass
    for schema in ("public", "jobs"):
        async with opened(place, tmp_path, schema, search_path=NO_PATH) as store:
            (job,) = (await store.insert([new(hook="http://h/")])).jobs
            claim = await claimed(store, job.id)
            assert set(await store.settle([end(claim)])) == {claim.id}
            assert len(await store.calls(claim.id, limit=9)) == 1


async def test_a_schema_of_the_owner_serves_a_role_that_may_create_none(
    place: Place, tmp_path: Path
) -> None:
    """`CREATE SCHEMA IF NOT EXISTS` would need the right although it exists."""
    await place.execute(
        f"CREATE SCHEMA jobs AUTHORIZATION {place.role};"
        f"GRANT CONNECT ON DATABASE {place.database} TO {place.role}"
    )

    async with opened(place, tmp_path, "jobs", role=place.role) as store:
        assert await queued(store)

    with pytest.raises(StartError, match=r"run `python main\.py migrate`"):
        async with opened(place, tmp_path, "other", role=place.role):
            pass


async def test_migrations_of_two_schemas_do_not_wait_for_each_other(
    place: Place, tmp_path: Path
) -> None:
    """Each has a lock of its own: a long migration of one would stop the start of the other."""
    async with opened(place, tmp_path, "one"):
        pass
    async with place.connection() as other, other.transaction():
        # As a migration of `one` begins.
        await other.execute(LOCK, "one", MIGRATION_LOCK)
        async with asyncio.timeout(60), opened(place, tmp_path, "two"):
            pass


@pytest.mark.parametrize(
    "name", ["pg_jobs", "information_schema", "1st", "a b", 'a"b', "a.b", "ä", "x" * 64, "a;b"]
)
async def test_a_name_that_is_none_is_refused_with_its_key(tmp_path: Path, name: str) -> None:
    said = await refusal(tmp_path, STORE__URL="postgresql://h/d", STORE__SCHEMA=name)

    assert "SCHEDULER_STORE__SCHEMA = " in said
    assert "must be empty, or 1 to 63 letters, digits, _ and -" in said
    assert said.count("\n") == 1


async def test_a_schema_for_sqlite_is_refused(tmp_path: Path) -> None:
    """It has none; whoever sets one means another store."""
    said = await refusal(tmp_path, STORE__SCHEMA="jobs")

    assert "[store] schema = 'jobs' needs a PostgreSQL in url" in said


async def test_a_url_may_name_the_schema_and_not_another_one(place: Place, tmp_path: Path) -> None:
    """Prisma's `schema=` stands in every URL of its users, and means the same."""
    url = place.url(place.owner, schema="jobs")
    async with open_store(url, data_dir=tmp_path), opened(place, tmp_path, "jobs") as store:
        assert await queued(store)
    async with place.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM jobs.jobs") == 1

    with pytest.raises(StartError, match=r"schema = 'mine'.* has schema = 'jobs'"):
        async with open_store(url, data_dir=tmp_path, schema="mine"):
            pass
