"""Roles with few rights: a node reads and writes rows, and another role makes the tables."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from scheduler.core.errors import StartError, StoreUnavailable
from scheduler.store import open_store, postgres_schema
from scheduler.store.postgres_schema import LOCK, MIGRATION_LOCK
from scheduler.store.statements import Dialect, migrations, statements
from tests.integration.deployed.postgres.place import Place
from tests.integration.nodes.test_node import refusal
from tests.support.commands import Ended, command
from tests.support.eventually import eventually
from tests.support.nodes import ROOT, Nodes
from tests.support.pages.readme import blocks
from tests.support.stores import BYTES_MAX, queued

LATEST = len(migrations(Dialect.POSTGRESQL))


def documented(place: Place, number: int = 0) -> str:
    """A block of SQL in docs/postgresql.md, for the roles of this place; first the grants."""
    page = (ROOT / "docs" / "postgresql.md").read_text("utf-8")
    text = [block.text for block in blocks(page) if block.language == "sql"][number]
    text = text.replace("DATABASE scheduler", f"DATABASE {place.database}")
    return text.replace("TO node", f"TO {place.role}")


async def grant(owner: asyncpg.Connection, place: Place) -> None:
    """Grant what is documented, on those tables that there are at this version."""
    rows = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    there = {row["tablename"] for row in rows}

    def kept(named: re.Match[str]) -> str:
        return f"ON {', '.join(each for each in named[1].split(', ') if each in there)} TO"

    await owner.execute(re.sub(r"ON (\w+(?:, \w+)+) TO", kept, documented(place)))


async def migrated(place: Place, monkeypatch: pytest.MonkeyPatch, role: str = "") -> Ended:
    """Run `main.py migrate`, as the owner where no role is named."""
    monkeypatch.setenv("SCHEDULER_STORE__URL", place.url(role or place.owner))
    return await command(None, "migrate")


async def at_version(place: Place, version: int) -> None:
    """Make the tables as an earlier scheduler left them."""
    async with place.connection(role=place.owner) as owner:
        for script in migrations(Dialect.POSTGRESQL)[:version]:
            await owner.execute(script)
        await owner.execute(
            "CREATE TABLE installation (identity text NOT NULL, version integer NOT NULL)"
        )
        await owner.execute("INSERT INTO installation VALUES ('0123456789abcdef', $1)", version)
        await grant(owner, place)


async def opened(place: Place, folder: Path, role: str = "") -> None:
    async with open_store(place.url(role or place.role), data_dir=folder):
        pass


@pytest.fixture
async def granted(place: Place, tmp_path: Path) -> AsyncIterator[Place]:
    """The tables are there, and the node's role has the documented rights, and no others."""
    async with open_store(place.url(place.owner), data_dir=tmp_path):
        pass
    await place.execute(documented(place), role=place.owner)
    yield place  # noqa: PT022 - what it yields is torn down by the place


async def test_a_node_runs_with_the_documented_grants(
    place: Place, start_node: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a database is handed out so: the owner's role is for migrations only."""
    made = await migrated(place, monkeypatch)
    assert (made.status, made.errors) == (0, "")
    assert f"made the schema, of version {LATEST}" in made.output
    await place.execute(documented(place), role=place.owner)

    node = start_node(STORE__URL=place.url(place.role))

    job = await node.submit("echo", 1, hook="http://127.0.0.1:9/")
    assert (await node.job(job, wait_s=30))["result"] == 1
    again = await migrated(place, monkeypatch, place.role)
    assert f"nothing to do, the schema is of version {LATEST}" in again.output
    assert again.output.count("\n") == 1
    assert node.drain() == 0


async def test_the_documented_grants_suffice_for_every_statement(granted: Place) -> None:
    """A rare one, too: the node would end at it weeks later."""
    async with granted.connection(role=granted.role) as node:
        for name, statement in statements(Dialect.POSTGRESQL).items():
            await node.execute(f"PREPARE {name}_ AS {statement.text}")
            count = max(map(int, re.findall(r"\$(\d)", statement.text)), default=0)
            arguments = f"({', '.join(['NULL'] * count)})" if count else ""
            await node.execute(f"EXPLAIN EXECUTE {name}_{arguments}")


async def test_a_ready_schema_is_not_changed(granted: Place, tmp_path: Path) -> None:
    """Not even by a statement that would change nothing: it needs the right all the same."""
    await granted.execute(f"REVOKE CREATE ON SCHEMA public FROM {granted.role}, PUBLIC")
    await opened(granted, tmp_path)


@pytest.mark.parametrize(
    ("revoked", "told"),
    [
        ("DELETE ON logs", "lacks the rights DELETE on logs; docs/postgresql.md has the grants"),
        ("SELECT, UPDATE ON nodes", "lacks the rights SELECT on nodes, UPDATE on nodes"),
        ("ALL ON hook_calls", "INSERT on hook_calls"),
        ("ALL ON installation", "permission denied for table installation; docs/postgresql.md"),
        ("USAGE ON SCHEMA public", "needs version"),
        ("CONNECT ON DATABASE {database}", "permission denied for database"),
    ],
)
async def test_a_right_that_is_missing_is_named_at_the_start(
    granted: Place, tmp_path: Path, revoked: str, told: str
) -> None:
    """Not by the job that needs it first."""
    sql = f"REVOKE {revoked.format(database=granted.database)} FROM {granted.role}, PUBLIC"
    await granted.execute(sql, role=granted.owner)

    with pytest.raises(StartError, match=re.escape(told)) as refused:
        await opened(granted, tmp_path)

    assert "\n" not in str(refused.value)


async def test_a_table_that_is_gone_is_named_at_the_start(granted: Place, tmp_path: Path) -> None:
    """Somebody tidied up, or restored half a dump."""
    await granted.execute("DROP TABLE logs", role=granted.owner)

    with pytest.raises(StartError, match="SELECT on logs"):
        await opened(granted, tmp_path)


async def test_a_node_that_starts_while_the_owner_migrates_waits_for_him(
    place: Place, tmp_path: Path
) -> None:
    """Both are started together, and the node's role may change nothing."""
    await at_version(place, LATEST - 1)
    await place.execute(documented(place, 1), role=place.owner)

    async with (
        asyncio.TaskGroup() as group,
        place.connection(role=place.owner) as owner,
        place.connection() as observer,
        owner.transaction(),
    ):
        await owner.execute(LOCK, "", MIGRATION_LOCK)
        group.create_task(opened(place, tmp_path))
        await eventually(lambda: _waits_longer(observer, seconds=0))
        await owner.execute(migrations(Dialect.POSTGRESQL)[-1])
        await owner.execute("UPDATE installation SET version = $1", LATEST)


@pytest.mark.parametrize("version", [0, 4])
async def test_a_role_that_may_not_migrate_is_told_what_to_run(
    place: Place, tmp_path: Path, version: int
) -> None:
    """Without the tables, and with those of an earlier version."""
    if version:
        await at_version(place, version)
    else:
        await place.execute(f"GRANT CONNECT ON DATABASE {place.database} TO {place.role}")

    (line,) = (await refusal(tmp_path, STORE__URL=place.url(place.role))).strip().splitlines()

    assert "run `python main.py migrate` with the role that owns the tables" in line
    assert ("of version 4" if version else "not there yet") in line
    assert f"needs version {LATEST}" in line


async def test_a_search_path_without_a_schema_is_told(place: Place, tmp_path: Path) -> None:
    """PostgreSQL then has no place for the tables."""
    with pytest.raises(StartError, match="no schema has been selected to create in"):
        async with open_store(place.url(place.owner, search_path="nowhere"), data_dir=tmp_path):
            pass


async def test_migrations_that_run_at_once_are_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each machine of a deployment may run it before its node."""
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(migrated(place, monkeypatch)) for _ in range(3)]

    ended = [run.result() for run in runs]
    assert [each.status for each in ended] == [0, 0, 0], ended
    assert sorted("made the schema" in each.output for each in ended) == [False, False, True]


async def test_an_earlier_version_is_migrated_by_the_owner(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await at_version(place, 4)
    await place.execute(documented(place, 1), role=place.owner)

    done = await migrated(place, monkeypatch)

    assert f"migrated the schema from version 4 to {LATEST}" in done.output
    await opened(place, tmp_path)


async def test_later_tables_are_granted_by_the_documented_default(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Version 4 brought the logs. Without the default, the next version would stop the nodes."""
    await at_version(place, 3)
    await place.execute(documented(place, 1), role=place.owner)

    assert (await migrated(place, monkeypatch)).status == 0

    await opened(place, tmp_path)


async def test_a_newer_schema_is_refused_by_node_and_migration(
    granted: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A newer scheduler has been here; this one would write rows that it does not understand."""
    await granted.execute("UPDATE installation SET version = 99", role=granted.owner)

    said = await refusal(tmp_path, STORE__URL=granted.url(granted.role))
    ended = await migrated(granted, monkeypatch)

    for line in (said, ended.errors):
        assert "the schema is of version 99" in line
        assert line.count("\n") == 1
    assert (ended.status, ended.output) == (2, "")


async def test_a_node_goes_on_while_its_tables_change(granted: Place, tmp_path: Path) -> None:
    """A migration adds columns below a node that runs, whose statements the server has planned."""
    async with open_store(granted.url(granted.role), data_dir=tmp_path) as store:
        job_id = await queued(store)
        assert await store.get(job_id)
        await granted.execute("ALTER TABLE jobs ADD COLUMN later text", role=granted.owner)

        assert await store.get(job_id)
        assert await queued(store)
        assert len(await store.page("u1", limit=9, bytes_max=BYTES_MAX)) == 2


async def test_a_migration_that_waits_for_a_dump_gives_up_before_nodes_notice(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While it waits for the table, each statement of a node waits behind it."""
    monkeypatch.setattr(postgres_schema, "LOCK_S", 1)
    await at_version(place, 5)

    async with place.connection() as dump, dump.transaction():
        await dump.execute("LOCK TABLE jobs IN ACCESS SHARE MODE")
        with pytest.raises(StoreUnavailable, match="lock timeout"):
            await opened(place, tmp_path, place.owner)

    await opened(place, tmp_path, place.owner)


async def test_a_statement_timeout_of_the_role_does_not_end_a_migration(
    place: Place, tmp_path: Path
) -> None:
    """Hosts set one for each role; an index on a large table takes longer."""
    await at_version(place, 5)
    await place.execute(f"ALTER ROLE {place.owner} SET statement_timeout = '1s'")

    async with (
        asyncio.TaskGroup() as group,
        place.connection() as observer,
        place.connection() as dump,
        dump.transaction(),
    ):
        await dump.execute("LOCK TABLE jobs IN ACCESS SHARE MODE")
        group.create_task(opened(place, tmp_path, place.owner))
        await eventually(lambda: _waits_longer(observer, seconds=1.5), within_s=60)


async def _waits_longer(connection: asyncpg.Connection, *, seconds: float) -> bool:
    return bool(
        await connection.fetchval(
            "SELECT bool_or(clock_timestamp() - query_start > make_interval(secs => $1))"
            " FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
            seconds,
        )
    )
