"""Several statements that take effect together: a deed and what is written of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from scheduler.core.errors import StoreRefused
from scheduler.store.database import Database, LoggedDatabase, Step
from scheduler.store.postgres import PostgresDatabase, open_postgres
from scheduler.store.sqlite import open_sqlite
from tests.support.servers.postgres import PostgresServer

NONSENSE: Final = Step("write_log", ("no JSON",))


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_postgres(url) if "postgres" in url else open_sqlite(tmp_path / "store.db")
    async with opened as database:
        yield LoggedDatabase(database)


def registered(node_id: str) -> Step:
    """A step that returns a row where the node was not registered before."""
    place = '{"0": {"labels": "", "only_for": ""}}'
    return Step("register", (node_id, node_id, "1", 1, "[]", 0, 0, 0, place))


async def test_all_steps_take_effect_and_answer(database: Database) -> None:
    answers = await database.fetch_chain([registered("a"), registered("b"), Step("nodes", ())])

    assert [[row["id"] for row in rows] for rows in answers] == [["a"], ["b"], ["a", "b"]]
    assert await nodes(database) == ["a", "b"]


async def test_nothing_follows_a_step_that_had_no_effect(database: Database) -> None:
    """So what is written of a deed is there exactly where it took effect."""
    await database.fetch_chain([registered("a")])

    answers = await database.fetch_chain([registered("b"), registered("a"), registered("c")])

    assert list(map(len, answers)) == [1, 0]
    assert await nodes(database) == ["a", "b"]


async def test_a_step_that_is_refused_takes_those_before_it_back(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither half of a deed is stored; and the connection is fit for the next one."""
    for _ in range(20):  # more than there are connections
        with pytest.raises(StoreRefused):
            await database.fetch_chain([registered("a"), NONSENSE])

    assert await nodes(database) == []
    await database.fetch_chain([registered("a"), registered("b")])
    assert await nodes(database) == ["a", "b"]
    assert caplog.records == []  # asyncpg complains of a transaction that was left open


async def test_chains_at_the_same_time_do_not_mix(database: Database) -> None:
    """SQLite runs them in one transaction, and one that is refused must not undo the others."""

    async def refused() -> None:
        with pytest.raises(StoreRefused):
            await database.fetch_chain([registered("z"), NONSENSE])

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(
                database.fetch_chain([registered(f"a{number}"), registered(f"b{number}")])
            )
            group.create_task(refused())

    assert await nodes(database) == [f"{letter}{number}" for letter in "ab" for number in range(5)]


async def test_a_chain_that_is_cancelled_is_stored_whole_or_not_at_all(database: Database) -> None:
    """A caller that goes away, amid any of the steps, must leave no half of a deed."""
    for number in range(20):
        chain = database.fetch_chain([registered(f"a{number}"), registered(f"b{number}")])
        task = asyncio.Task(chain)
        for _ in range(number):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    stored = await nodes(database)
    assert {each[1:] for each in stored if each[0] == "a"} == {
        each[1:] for each in stored if each[0] == "b"
    }


async def test_a_chain_goes_on_where_a_pooler_has_dropped_its_statements(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """The first sign of a pooler may come amid a chain: it is run again, from its beginning."""
    assert postgres_server.port
    async with open_postgres(postgres_url) as database:
        assert isinstance(database, PostgresDatabase)
        await database.fetch_chain([registered("a"), registered("b")])
        async with database._pools.lease.acquire() as connection:
            kept = await connection.fetch("SELECT name FROM pg_prepared_statements")
            for row in kept:
                await connection.execute(f'DEALLOCATE "{row["name"]}"')

        answers = await database.fetch_chain([registered("c"), registered("d")])

    assert list(map(len, answers)) == [1, 1]


async def nodes(database: Database) -> list[str]:
    return sorted(row["id"] for row in await database.fetch("nodes"))
