"""Databases whose locks a job holds and waits for."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import asyncpg

from tests.integration.bring_your_code.stopping.surroundings import (
    Surroundings,
    World,
    has_computed,
)
from tests.support.eventually import eventually


@asynccontextmanager
async def locked_row(world: World) -> AsyncIterator[Surroundings]:
    """Two rows, the second of which another connection has locked."""

    async def row_lock() -> bool:
        async with world.server.connection() as other:
            try:
                await other.execute("SELECT FROM locked_rows WHERE id = 1 FOR UPDATE NOWAIT")
            except asyncpg.LockNotAvailableError:
                return False
        return True

    async with world.server.connection() as holder:
        await holder.execute(
            "CREATE TABLE IF NOT EXISTS locked_rows (id int PRIMARY KEY, number int);"
            "INSERT INTO locked_rows VALUES (1, 0), (2, 0) ON CONFLICT DO NOTHING"
        )
        async with holder.transaction():
            await holder.execute("SELECT FROM locked_rows WHERE id = 2 FOR UPDATE")
            yield Surroundings(
                in_the_middle=world.transactions.waits_for_a_lock,
                free={"query": world.transactions.none, "row lock": row_lock},
            )


@asynccontextmanager
async def checked_client(world: World) -> AsyncIterator[Surroundings]:
    """The same, where the server looks whether its client still lives."""
    async with locked_row(world) as same:
        options = {"options": "-c client_connection_check_interval=100ms"}
        yield Surroundings(in_the_middle=same.in_the_middle, data=options, free=same.free)


@asynccontextmanager
async def forgotten_row(world: World) -> AsyncIterator[Surroundings]:
    """The same, where the server learns of the client's death only when it has an answer."""
    waits = world.transactions.waits_for_a_lock
    async with locked_row(world) as same:

        async def is_locked() -> bool:
            return await waits() and not await same.free["row lock"]()

        yield Surroundings(in_the_middle=waits, free={"nothing until it gets the lock": is_locked})
    await eventually(world.transactions.none)


@asynccontextmanager
async def written_table(world: World) -> AsyncIterator[Surroundings]:
    """A database file, in which the handler writes."""
    path = world.folder / "numbers.db"
    with closing(sqlite3.connect(path, timeout=0)) as database:
        with database:
            database.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")

        def is_locked() -> bool:
            try:
                with database:
                    database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

        def is_empty() -> bool:
            return not database.execute("SELECT * FROM numbers").fetchall()

        yield Surroundings(
            in_the_middle=lambda: any(map(has_computed, world.holding())) and is_locked(),
            data={"db": str(path), "hold": world.hold},
            free={"transaction": is_empty, "write lock": lambda: not is_locked()},
        )
