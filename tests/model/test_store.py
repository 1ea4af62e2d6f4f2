"""Every store behaves as the model does, in any interleaving of jobs and nodes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from scheduler.core.ports.store import Store
from scheduler.store import open_store
from tests.fakes import MemoryStore
from tests.model.effort import Fresh, explore
from tests.model.machines.place_machine import PlaceMachine
from tests.support.servers.postgres import PostgresServer

CLEARED = """
DELETE FROM jobs; DELETE FROM nodes; DELETE FROM pauses; DELETE FROM limiters;
DELETE FROM limiter_holds
"""
EXAMPLES = {"memory": 100, "sqlite": 40, "postgres": 20}


@asynccontextmanager
async def fresh_memory() -> AsyncIterator[Fresh[Store]]:
    async def fresh() -> Store:
        return MemoryStore()

    yield fresh


@asynccontextmanager
async def fresh_sqlite(folder: Path) -> AsyncIterator[Fresh[Store]]:
    async with AsyncExitStack() as stack:

        async def fresh() -> Store:
            await stack.aclose()  # one file after the other
            (folder / "scheduler.db").unlink(missing_ok=True)
            return await stack.enter_async_context(open_store("sqlite", data_dir=folder))

        yield fresh


@asynccontextmanager
async def fresh_postgres(
    url: str, server: PostgresServer, folder: Path
) -> AsyncIterator[Fresh[Store]]:
    schema = url.rpartition("=")[2]
    async with (
        open_store(url, data_dir=folder) as store,
        server.connection(schema=schema) as connection,
    ):

        async def fresh() -> Store:
            await connection.execute(CLEARED)
            return store

        yield fresh


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_any_interleaving_of_nodes_goes_as_the_model_says(
    kind: str, postgres_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The store's part of docs/guarantees.md holds, on the databases and on the fake."""
    openings: dict[str, Callable[[], AbstractAsyncContextManager[Fresh[Store]]]] = {
        "memory": fresh_memory,
        "sqlite": partial(fresh_sqlite, tmp_path),
        "postgres": partial(fresh_postgres, postgres_url, postgres_server, tmp_path),
    }
    explore(openings[kind](), PlaceMachine, examples=EXAMPLES[kind], steps=50)
